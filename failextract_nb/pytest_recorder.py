"""What is put into a run of pytest that is recorded.

``Recorder`` makes a record of each failure while its frames and fixtures are there, and lets the
report carry it, from a worker of pytest-xdist to its controller, too.  ``Reports`` stores what
arrives there and is still a failure (a test may have been run again), and writes the reports.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import pytest

from failextract_nb import pytest_details as details
from failextract_nb._safe import message_of
from failextract_nb.capture import hide_again
from failextract_nb.extractor import FailureExtractor
from failextract_nb.failure import Failure, counted
from failextract_nb.output import config_of
from failextract_nb.pytest_plugin import OPTION
from failextract_nb.remember import captured, note_problem, store
from failextract_nb.report import OutputConfig, refuse_twice, save

CARRIED = "failextract"  # the attribute of a report that holds the record, plain JSON


def put_in(config: pytest.Config, wanted: list[str], is_worker: bool) -> None:
    """Record this run, and write the reports that are ``wanted``; a worker writes none."""
    if not is_worker:
        reports = Reports(_configs(wanted, str(config.invocation_params.dir)))
        config.pluginmanager.register(reports, "failextract-reports")
    config.pluginmanager.register(Recorder(), "failextract-recorder")


def _configs(wanted: list[str], folder: str) -> list[OutputConfig]:
    """The reports, where the run began: tests may go elsewhere.  UsageError that says what is
    wrong with one.
    """
    configs = []
    for text in wanted:
        try:
            configs.append(config_of(text, folder))
            refuse_twice(configs)
        except (ValueError, ImportError, OSError) as error:
            raise pytest.UsageError(f"--{OPTION} {text}: {error}") from None
    return configs


def _name_of(node_id: str, record: Mapping[str, Any]) -> str:
    """The test and its part without the file; of what has none, the file."""
    name = node_id.partition("::")[2] or node_id
    return f"{name} {record['subtest']}" if "subtest" in record else name


class Recorder:
    """Makes the records."""

    def __init__(self) -> None:
        self._compared: details.Compared | None = None

    def pytest_assertrepr_compare(self, op: str, left: object, right: object) -> None:
        self._compared = details.compared(op, left, right)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, Any, Any]:
        report = yield
        if report.outcome == "failed":
            self._carry(report, item, call)
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Generator[None, Any, Any]:
        report = yield
        if report.outcome == "failed":
            self._carry(report, collector, getattr(report, "call", None))
        return report

    def _carry(self, report: Any, node: Any, call: Any) -> None:
        """Let ``report`` carry the record of the exception that ``call`` has ended with."""
        error = getattr(getattr(call, "excinfo", None), "value", None)
        try:
            more = self._details(report, node, call, error)
        except Exception as problem:  # noqa: BLE001  # the failure counts more than its extras
            note_problem(f"what pytest knows of {report.nodeid} was not recorded", problem)
            more = {}
        if error is None:
            record: Any = {**details.of_outcome(report), **more}
        else:
            name, error = _name_of(report.nodeid, {}), details.raised_in(error)
            record = captured(error, origin=details.ORIGIN, name=name, details=more)
        if record is not None:
            if all(frame.get("library") for frame in record.get("extracted_code", ())):
                record["test_file"], record["line_number"] = str(node.path), details.line_of(report)
            if "assertion" in record:
                details.without_colours(record)
            setattr(report, CARRIED, record)

    def _details(self, report: Any, node: Any, call: Any, error: Any) -> dict[str, Any]:
        more: dict[str, Any] = {} if call is None else {"duration": call.duration}
        if isinstance(node, pytest.Item):
            more |= details.of_test(node, error, self._compared)
        if error is not None:
            more |= details.of_doctest(details.failed_examples(error), str(report.longrepr))
        return more

    @pytest.hookimpl(tryfirst=True)  # pytest-xdist sends the report from here
    def pytest_runtest_logreport(self, report: Any) -> None:
        self._complete(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: Any) -> None:
        self._complete(report)

    def _complete(self, report: Any) -> None:
        """Add what the report itself knows, once it is whole."""
        record = getattr(report, CARRIED, None)
        if report.outcome == "failed" and record is not None and "phase" not in record:
            record |= hide_again(record, details.of_report(report))
            record["test_name"] = hide_again(record, _name_of(report.nodeid, record))

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """A worker of pytest-xdist is about to start: it is to record, too."""
        node.workerinput[OPTION] = True


class Reports:
    """Stores the records that arrive, and writes the reports at the end."""

    def __init__(self, configs: list[OutputConfig]) -> None:
        self._configs = configs
        # What a test does to the store (clear it, limit it) is no loss for the reports.
        self._records: dict[str, Failure] = {}
        self._not_collected: set[str] = set()
        self._in_parts: set[str] = set()  # tests of which subtests have failed
        self._told: list[tuple[str, bool]] = []  # lines of the summary, and whether all is well

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.outcome == "failed":
            is_sum = report.nodeid in self._in_parts and not hasattr(report, CARRIED)
            if not is_sum:  # else pytest says of the test how many of its subtests have failed
                self._arrived(report)
        elif report.when == "call" and report.passed and not hasattr(report, "context"):
            FailureExtractor._store.tally.passes += report.nodeid not in self._in_parts

    def pytest_collectreport(self, report: Any) -> None:
        # Each worker of pytest-xdist collects all files, and fails at each that cannot be.
        if report.outcome == "failed" and report.nodeid not in self._not_collected:
            self._not_collected.add(report.nodeid)
            self._arrived(report)

    def _arrived(self, report: Any) -> None:
        record = report.__dict__.pop(CARRIED, None)
        if record is None:  # of a worker that has died, of a plugin that has failed the test
            more = details.of_report(report)
            record = {**details.of_outcome(report), **more}
            record["test_name"] = _name_of(report.nodeid, record)
        if "subtest" in record:
            self._in_parts.add(report.nodeid)
        kept = store(record)
        self._records[kept["id"]] = kept

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, Any, Any]:
        try:
            return (yield)
        finally:
            for config in self._configs:
                self._write(config, session)

    def _write(self, config: OutputConfig, session: pytest.Session) -> None:
        if config.path is None and (
            terminal := session.config.pluginmanager.get_plugin("terminalreporter")
        ):
            terminal.ensure_newline()
        try:
            path = save(config, list(self._records.values()), [])
        except Exception as problem:  # noqa: BLE001  # a format of the user's may raise anything
            said = message_of(problem)  # of an OSError, it names the file
            if not isinstance(problem, OSError):
                said = f"the report {config.path} was not written: {said}"
            self._told.append((said, False))
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        else:
            where = "standard output" if path is None else path
            self._told.append((f"{counted(len(self._records))} written to {where}", True))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for line, is_well in self._told:
            terminalreporter.write_line(f"failextract: {line}", red=not is_well)
