"""The code blocks of the API's documentation run against this package."""

from __future__ import annotations

import ast
import json
import re

import pytest
from conftest import SHARED

SPEC = SHARED / "spec" / "performance_threading.md"
BLOCKS = 12


def blocks() -> list[str]:
    if not SPEC.is_file():
        return []
    found = re.findall(r"^```python\n(.*?)^```", SPEC.read_text(encoding="utf-8"), re.M | re.S)
    return [re.sub(r"\bfailextract\b", "failextract_nb", block) for block in found]


def prelude(all_blocks: list[str], number: int) -> str:
    """What a reader has typed before block ``number``: its imports, and the extractor.

    OutputConfig is used from the second block on and imported in a later one, so the imports are
    those of the whole document.
    """
    imports = {
        ast.unparse(node): None
        for block in all_blocks
        for node in ast.parse(block).body
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    lines = list(imports)
    if number > 0:
        lines.append("extractor = FailureExtractor()")
    return "\n".join(lines) + "\n"


@pytest.mark.skipif(not SPEC.is_file(), reason="../shared/spec is not here")
@pytest.mark.parametrize("number", range(BLOCKS))
def test_every_block_of_the_documentation_runs(number, run_python):
    """Each block, in a process of its own, after the imports and the extractor."""
    found = blocks()
    assert len(found) == BLOCKS
    done = run_python(prelude(found, number) + found[number], "-W", "error::RuntimeWarning")
    assert "Traceback" not in done.stderr  # in a thread, say


@pytest.mark.skipif(not SPEC.is_file(), reason="../shared/spec is not here")
def test_the_documented_runner_loses_nothing(run_python):
    """The documented 1,000 tests on 20 threads print the failures and threads that there were."""
    done = run_python(prelude(blocks(), 5) + blocks()[5])
    assert "Captured 334 failures" in done.stdout
    threads = int(re.search(r"verified: (\d+) threads", done.stdout)[1])
    assert 1 <= threads <= 20


@pytest.mark.skipif(not SPEC.is_file(), reason="../shared/spec is not here")
def test_the_documented_reports_and_extractors_do_their_work(run_python, tmp_path):
    """What the blocks only define is called: reports, caching, streaming, CI, recovery, limits."""
    found = blocks()
    body = "".join(
        block for number, block in enumerate(found) if number in (0, 1, 2, 3, 7, 8, 9, 10)
    )
    code = (
        prelude(found, 1)
        + body
        + """
for make in (PerformanceAwareExtractor, ProductionExtractor, ResilientExtractor):
    active = make()
    assert FailureExtractor() is active
    active.add_failure({"test_name": make.__name__, "exception_message": "no"})
assert len(extractor.failures) == 3
paths = generate_multiple_reports(extractor, ["json", "markdown", "csv", "xml"])
assert [path.name for path in paths] == ["report.json", "report.markdown", "report.csv", "report.xml"]
save_large_report(extractor, "large.json")
ci = CIIntegration()
assert ci.generate_ci_reports() == ["test_failures.json", "test_failures.md"]
ci._generate_jenkins_report()
fixtures = CachedFixtureExtractor()
def test_it(tmp_path): ...
first = fixtures.extract_fixture_info(test_it, {"tmp_path": 1})
assert first == fixtures.extract_fixture_info(test_it, {"tmp_path": 1})
assert fixtures._get_source_lines_cached(__import__("json").__file__, 1)
fixtures.clear_cache()
"""
    )
    run_python(code)
    assert len(json.loads((tmp_path / "large.json").read_text())["failures"]) == 3
    assert len(json.loads((tmp_path / "test_failures.json").read_text())["failures"]) == 3
