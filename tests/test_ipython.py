"""The extension in an IPython shell of this process: magics, settings, and leaving no trace."""

from __future__ import annotations

import json

import pytest
from conftest import fail
from IPython.core.completer import provisionalcompleter
from IPython.core.error import UsageError
from traitlets import TraitError

from failextract_nb import FailureExtractor, capture, formats, positions


def magic(ip, line: str) -> None:
    ip.run_line_magic("failextract", line)


def failures() -> list[dict]:
    return list(FailureExtractor().failures)


def settings(ip):
    return next(one for one in ip.configurables if type(one).__name__ == "FailExtract")


def test_a_failing_cell_becomes_one_record(ip):
    """Type, message, source, count, line, place and duration are those of the cell."""
    ip.run_cell("a = 1\nb = a / 0", store_history=True)
    (one,) = failures()
    assert (one["origin"], one["exception_type"]) == ("cell", "ZeroDivisionError")
    assert one["exception_message"] == "division by zero"
    assert one["cell_source"] == "a = 1\nb = a / 0"
    assert one["execution_count"] == 1
    assert one["test_name"] == "In[1]"
    assert one["line_number"] == 2
    assert one["test_file"] == "Cell In[1]"
    assert one["duration"] > 0
    assert one["locals"][-1] == {"a": "1"}
    assert "Cell In[1], line 2, in <module>\n    b = a / 0" in one["exception_traceback"]
    assert "interactiveshell" not in one["exception_traceback"]


def test_passing_and_handled_cells_leave_no_record(ip):
    """What does not fail is not recorded."""
    ip.run_cell("1 + 1")
    ip.run_cell("try:\n    1 / 0\nexcept ZeroDivisionError:\n    pass")
    assert failures() == []


@pytest.mark.parametrize(
    ("cell", "kind", "line"),
    [
        ("\n\n1 / 0", "ZeroDivisionError", 3),
        ("1 +* 2", "SyntaxError", 1),
        ("x = 1\nif x:\nprint(x)", "IndentationError", 3),
        ("\n\nif 1:\nprint(1)", "IndentationError", 4),
        ("%%failextract\n1 / 0", "ZeroDivisionError", 2),
        ("%%failextract --name n\n\nx = 1\n1 / 0", "ZeroDivisionError", 4),
        pytest.param("%%time\nx = 1\n1 / 0", "ZeroDivisionError", 3),
        pytest.param("%%failextract\n%%time\nx = 1\n1 / 0", "ZeroDivisionError", 4),
        pytest.param(
            "%%failextract\n\n%%time\n\nx = 1\n1 / 0\n",
            "ZeroDivisionError",
            6,
        ),
        pytest.param("\n%%time\n1 / 0", "ZeroDivisionError", 3),
        ("%%failextract\n1 +* 2", "SyntaxError", 2),
        ("%no_such_magic", "UsageError", 1),
    ],
)
def test_the_line_is_the_one_the_user_sees(ip, cell, kind, line):
    """Below empty lines, under our magic and under stacked ones."""
    ip.run_cell(cell, store_history=True)
    (one,) = failures()
    assert (one["exception_type"], one["line_number"]) == (kind, line)
    assert one["test_file"] == "Cell In[1]"
    if kind != "UsageError":
        assert f"Cell In[1], line {line}" in one["exception_traceback"]


def test_a_function_of_an_earlier_cell_keeps_its_own_place(ip):
    """The innermost frame names the cell that defined the function."""
    ip.run_cell("\ndef f(x):\n    return 1 / x", store_history=True)
    ip.run_cell("f(0)", store_history=True)
    (one,) = failures()
    places = [(frame["file"], frame["line"]) for frame in one["extracted_code"]]
    assert places == [("Cell In[2]", 1), ("Cell In[1]", 3)]
    assert one["extracted_code"][1]["code"] == "def f(x):\n    return 1 / x"
    assert one["extracted_code"][1]["code_start"] == 2
    assert one["locals"][1] == {"x": "0"}


def test_the_same_code_below_empty_lines_and_without(ip):
    """Two cells of one text keep their own lines, whichever comes first."""
    for cell in ("1 / 0", "\n\n1 / 0", "1 / 0", "\n\n1 / 0"):
        ip.run_cell(cell, store_history=True)
    assert [one["line_number"] for one in failures()] == [1, 3, 1, 3]


def test_a_function_of_a_timed_cell_keeps_its_place(ip):
    """All %%time cells share a file name; the right one is found by its source, or none."""
    ip.run_cell("%%time\ndef f(x):\n    return 1 / x", store_history=True)
    ip.run_cell("%%time\nf(0)", store_history=True)
    (one,) = failures()
    assert (one["test_file"], one["line_number"]) == ("Cell In[1]", 3)
    assert one["execution_count"] == 2
    ip.run_cell("%%time\nexec(compile('de' 'f g():\\n  1 / 0', '<timed exec>', 'exec'))\ng()")
    assert failures()[1]["extracted_code"][-1]["file"] == "<timed exec>"


def test_interrupts_are_counted_and_recorded_only_on_request(ip):
    """KeyboardInterrupt is no failure by default."""
    ip.run_cell("raise KeyboardInterrupt")
    assert failures() == []
    assert FailureExtractor().get_statistics()["interrupted_count"] == 1
    ip.run_line_magic("config", "FailExtract.record_interrupts = True")
    ip.run_cell("raise KeyboardInterrupt")
    assert [one["exception_type"] for one in failures()] == ["KeyboardInterrupt"]


@pytest.mark.filterwarnings("ignore:To exit")
@pytest.mark.parametrize(("code", "count"), [("0", 0), ("None", 0), ("3", 1), ("'x'", 1)])
def test_an_exit_counts_when_it_says_that_something_failed(ip, code, count):
    """sys.exit(0) is a way to stop."""
    ip.run_cell(f"raise SystemExit({code})")
    assert len(failures()) == count


def test_a_decorated_function_in_a_cell_is_one_failure(ip):
    """The cell adds itself to the record that the decorator made."""
    ip.run_cell("from failextract_nb import extract_on_failure, capture_failures")
    ip.run_cell("@extract_on_failure\ndef f():\n    1 / 0")
    ip.run_cell("with capture_failures('outer'):\n    f()", store_history=True)
    (one,) = failures()
    doors = [(door["origin"], door["name"]) for door in one["contexts"]]
    assert doors == [("function", "f"), ("block", "outer"), ("cell", "In[1]")]
    assert one["origin"] == "function"
    assert one["cell_source"].startswith("with capture_failures")


def test_an_exception_raised_again_in_a_later_cell_is_a_second_failure(ip):
    """It refers to the first one; within its cell it stays one."""
    ip.run_cell("error = ValueError('kept')\nraise error", store_history=True)
    ip.run_cell("raise error", store_history=True)
    first, second = failures()
    assert second["again"] == first["id"]
    assert [first["execution_count"], second["execution_count"]] == [1, 2]


def test_magic_options_name_tag_and_leave_out_locals(ip):
    """--name, --tag (repeated) and --no-locals."""
    ip.run_cell("%%failextract --name 'my name' --tag a --tag b --no-locals\nx = 1\nx / 0")
    (one,) = failures()
    assert one["test_name"] == "my name"
    assert one["tags"] == ["a", "b"]
    assert "locals" not in one


def test_continue_shows_the_error_and_goes_on(ip, capsys):
    """The result says success, the traceback is on the screen, the failure is kept."""
    result = ip.run_cell("%%failextract --continue\n1 / 0")
    assert result.success
    assert "ZeroDivisionError" in capsys.readouterr().out
    assert len(failures()) == 1
    assert ip.run_cell("%%failextract --continue\n1 +* 2").success
    assert not ip.run_cell("1 / 0").success


def test_output_holds_the_failures_of_its_cells(ip, tmp_path, capsys):
    """--output writes at each failure, only those that were to go there, and says where."""
    ip.run_cell("1 / 0")
    ip.run_cell("%%failextract --output cells.json\nint('x')")
    ip.run_cell("%%failextract --output cells.json\nint('y')")
    ip.run_cell("%%failextract --output cells.json\n'passes'")
    ip.run_cell("%%failextract --output other --format markdown\nint('z')")
    report = json.loads((tmp_path / "cells.json").read_text())
    messages = [one["exception_message"] for one in report["failures"]]
    assert ["'x'" in messages[0], "'y'" in messages[1], len(messages)] == [True, True, 2]
    assert (tmp_path / "other").read_text().startswith("# Failure report")
    assert f"written to {tmp_path / 'cells.json'}" in capsys.readouterr().out


def test_an_output_that_cannot_be_written_costs_no_failure(ip, tmp_path):
    """The warning names the file; the record is kept."""
    (tmp_path / "folder.json").mkdir()
    with pytest.warns(RuntimeWarning, match="folder.json was not written"):
        ip.run_cell("%%failextract --output folder.json\nint('x')")
    assert len(failures()) == 1


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("--nmae x", "unrecognized arguments: --nmae"),
        ("--format json", "name it with output"),
        ("--output x.json --format jsno", "Did you mean 'json'"),
        ("--output x.unknown", "of no known format"),
        ("--name 'open", "No closing quotation"),
    ],
)
def test_wrong_options_say_what_is_wrong_and_the_cell_does_not_run(ip, capsys, options, complaint):
    """The magic itself complains; nothing of the cell has happened."""
    result = ip.run_cell(f"%%failextract {options}\nran = True")
    assert isinstance(result.error_in_exec, UsageError)
    assert complaint in str(result.error_in_exec)
    assert "ran" not in ip.user_ns


def test_the_body_runs_as_an_ordinary_cell(ip):
    """Its last expression is Out and _, and a top-level await works."""
    ip.run_cell("%%failextract\n42", store_history=True)
    ip.run_cell("_ + 1", store_history=True)
    assert ip.user_ns["Out"] == {1: 42, 2: 43}
    result = ip.run_cell("%%failextract\nimport asyncio\nawait asyncio.sleep(0, 'awaited')")
    assert result.result == "awaited"


def test_the_magic_works_through_run_cell_magic(ip):
    """Code that calls run_cell_magic gets the same record."""
    error = fail(ip.run_cell_magic, "failextract", "--name called --tag t", "y = 1\ny / 0")
    assert isinstance(error, ZeroDivisionError)
    (one,) = failures()
    assert (one["test_name"], one["tags"]) == ("called", ["t"])
    ip.run_cell_magic("failextract", "", "z = 5")
    assert ip.user_ns["z"] == 5


def test_similar_magics_are_left_alone(ip):
    """%%failextract_other is not ours."""
    ip.run_cell("%%failextractor\n1")
    assert "%%failextractor" in failures()[0]["exception_message"]


def test_show_prints_the_table_in_a_terminal(ip, capsys):
    """%failextract and a bare FailureExtractor() look alike; nothing says what comes."""
    magic(ip, "")
    assert "No failures yet" in capsys.readouterr().out
    ip.run_cell("1 / 0", store_history=True)
    capsys.readouterr()
    magic(ip, "show")
    shown = capsys.readouterr().out
    assert "1 failure\n" in shown
    assert "In[1]" in shown
    assert "division by zero" in shown
    ip.run_cell("from failextract_nb import FailureExtractor\nFailureExtractor()")
    assert capsys.readouterr().out.endswith(shown)


def test_last_prints_tracebacks(ip, capsys):
    """The newest one, or the newest N."""
    magic(ip, "last")
    assert "No failures yet" in capsys.readouterr().out
    ip.run_cell("int('first')")
    ip.run_cell("int('second')")
    capsys.readouterr()
    magic(ip, "last")
    one = capsys.readouterr().out
    assert "second" in one
    assert "first" not in one
    magic(ip, "last 2")
    two = capsys.readouterr().out
    assert two.index("first") < two.index("second")
    for wrong in ("last 0", "last x", "last 1 2"):
        with pytest.raises(UsageError, match="one number above 0"):
            magic(ip, wrong)


def test_stats_formats_config_and_help_tell(ip, capsys):
    """Each names what there is."""
    ip.run_cell("1 / 0")
    magic(ip, "stats")
    assert "ZeroDivisionError: 1" in capsys.readouterr().out
    magic(ip, "formats")
    assert all(name in capsys.readouterr().out for name in ["json"])
    magic(ip, "config")
    assert "FailExtract.include_locals = True" in capsys.readouterr().out
    magic(ip, "help")
    text = capsys.readouterr().out
    assert "%failextract export" in text
    assert "%%failextract [--name NAME]" in text


@pytest.mark.parametrize("name", formats.names())
def test_export_writes_every_format(ip, name, tmp_path, capsys):
    """By its name and by its extension."""
    ip.run_cell("1 / 0")
    magic(ip, f"export by_name --format {name}")
    magic(ip, f"export by_extension{formats.extension(name)}")
    assert (tmp_path / "by_name").stat().st_size > 0
    assert (tmp_path / f"by_extension{formats.extension(name)}").stat().st_size > 0
    assert "1 failure written to by_name" in capsys.readouterr().out


def test_export_appends_and_takes_passes_along(ip, tmp_path, capsys):
    """--append keeps what the file holds; --passed adds passes; a dash is the screen."""
    ip.run_cell("1 / 0")
    magic(ip, "export r.json")
    magic(ip, "clear")
    FailureExtractor().add_passed({"test_name": "good"})
    ip.run_cell("int('x')")
    magic(ip, "export r.json --append --passed")
    report = json.loads((tmp_path / "r.json").read_text())
    assert len(report["failures"]) == 2
    assert [one["test_name"] for one in report["passed"]] == ["good"]
    capsys.readouterr()
    magic(ip, "export - --format jsonl")
    assert '"exception_type":"ValueError"' in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong",
    ["export", "export x.nope", "export a.json --format b", "export /proc/x.json", "export 'x"],
)
def test_export_that_fails_is_a_clear_error(ip, wrong):
    """A UsageError in one line, not a traceback of ours."""
    with pytest.raises(UsageError):
        magic(ip, wrong)


def test_clear_says_how_many(ip, capsys):
    """And the records are gone."""
    ip.run_cell("1 / 0")
    capsys.readouterr()
    magic(ip, "clear")
    assert capsys.readouterr().out == "1 failure forgotten.\n"
    assert failures() == []


def test_limits_show_set_and_lift(ip, capsys):
    """They are the store's own, and the settings'."""
    magic(ip, "limits --failures 2 --passed 3 --memory 1.5")
    known = FailureExtractor().get_statistics()
    assert [known[name] for name in ("max_failures", "max_passed", "max_memory_mb")] == [2, 3, 1.5]
    assert settings(ip).max_failures == 2
    for number in range(3):
        ip.run_cell(f"int('{number}x')")
    assert len(failures()) == 2
    capsys.readouterr()
    magic(ip, "limits")
    assert "max_failures   2" in capsys.readouterr().out
    magic(ip, "limits --none")
    assert FailureExtractor().get_statistics()["max_failures"] is None
    for wrong in ("limits --failures 0", "limits --failures x", "limits 3"):
        with pytest.raises(UsageError):
            magic(ip, wrong)


def test_a_small_memory_limit_of_the_code_does_not_stop_loading(shell, capsys):
    """Whatever the store takes, the settings take."""
    FailureExtractor().set_memory_limits(max_memory_mb=0.001)
    shell.run_line_magic("load_ext", "failextract_nb")
    magic(shell, "limits")
    assert "max_memory_mb  0.001" in capsys.readouterr().out
    with pytest.raises(UsageError, match="max_memory_mb must be a number above 0"):
        magic(shell, "limits --memory 0")


def test_limits_that_code_has_set_are_shown_and_kept(ip, capsys):
    """Setting one leaves the others, and the threshold of the warning."""
    FailureExtractor().set_memory_limits(max_failures=10, warn_at=50)
    magic(ip, "limits")
    assert "max_failures   10" in capsys.readouterr().out
    magic(ip, "limits --memory 5")
    known = FailureExtractor().get_statistics()
    assert (known["max_failures"], known["max_memory_mb"]) == (10, 5)
    assert FailureExtractor()._store.many == 50
    magic(ip, "config")
    assert "FailExtract.max_failures = 10" in capsys.readouterr().out


def test_a_mistyped_setting_does_not_stop_the_extension_from_loading(ip):
    """IPython keeps the wrong value for the next load; it alone is left out then."""
    ip.config.FailExtract.max_failures = 0
    ip.config.FailExtract.include_locals = False
    ip.config.FailExtract.sources = {"typo": False}
    with pytest.warns(UserWarning, match="leaves a setting as it is: .*'(max_failures|sources)'"):
        ip.run_line_magic("reload_ext", "failextract_nb")
    assert settings(ip).include_locals is False
    assert "shell" in settings(ip).sources
    ip.run_cell("1 / 0")
    assert len(failures()) == 1


@pytest.mark.parametrize(
    "cell",
    [
        "%failextract exprot",
        "%failextract last abc",
        "%failextract export x.pdf",
        "%failextract export x.json --appnd",
        "%failextract limits --failures 0",
        "%%failextract --contineu\n1",
    ],
)
def test_a_magic_of_ours_used_wrongly_is_no_failure(ip, cell, capsys):
    """The user is told in one line; their failures are not pushed out by it."""
    result = ip.run_cell(cell)
    assert type(result.error_in_exec) is UsageError  # what IPython shows without a traceback
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    assert (said.out + said.err).startswith("UsageError: ")
    assert failures() == []


@pytest.mark.parametrize("asked", ["help", "--help", "-h", "?"])
def test_help_is_where_people_look(ip, capsys, asked):
    """However it is asked for."""
    magic(ip, asked)
    assert "%failextract export" in capsys.readouterr().out


def test_an_indented_magic_keeps_its_options(ip):
    """IPython takes the indentation off, and so do we."""
    cell = "  %%failextract --name indented --continue --tag x\n  1 / 0"
    assert ip.run_cell(cell, store_history=True).success
    (one,) = failures()
    assert (one["test_name"], one["tags"], one["line_number"]) == ("indented", ["x"], 2)


def test_continue_works_through_run_cell_magic(ip, capsys):
    """And the failure has the magic's name, not one of ours."""
    ip.run_cell_magic("failextract", "--continue", "1 / 0")
    assert "ZeroDivisionError" in capsys.readouterr().out
    assert failures()[0]["test_name"] == "%%failextract"


def test_off_and_on(ip):
    """Off records nothing and leaves --continue working; on starts again."""
    magic(ip, "off")
    ip.run_cell("1 / 0")
    assert ip.run_cell("%%failextract --continue\n1 / 0").success
    assert failures() == []
    magic(ip, "on")
    ip.run_cell("1 / 0")
    assert len(failures()) == 1


def test_a_mistyped_subcommand_says_what_exists(ip):
    """With the nearest one first."""
    with pytest.raises(UsageError, match="no subcommand 'exprot'. Did you mean 'export'.*formats"):
        magic(ip, "exprot x.json")
    with pytest.raises(UsageError, match="takes no arguments; got 'x'"):
        magic(ip, "clear x")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("%failextract ", {"show", "export", "clear", "limits", "help"}),
        ("%failextract ex", {"export"}),
        ("%failextract export x --format j", {"json", "jsonl", "junit"}),
        ("%failextract export x --", {"--format", "--append", "--passed"}),
        ("%failextract limits --f", {"--failures"}),
        ("%%failextract --c", {"--continue"}),
        ("%%failextract --output x --format ya", {"yaml"}),
    ],
)
def test_tab_completes_subcommands_options_and_formats(ip, line, expected):
    """What is offered, put in place of what was typed, is the word."""
    formats.register("jargon", type("F", (formats.OutputFormatter,), {"format": lambda *_: ""}))
    if expected == {"json", "jsonl", "junit"}:
        expected = expected | {"jargon"}
    with provisionalcompleter():
        found = list(ip.Completer.completions(line, len(line)))
    words = {(line[: one.start] + one.text).split(" ")[-1] for one in found}
    assert expected <= words


def test_tab_leaves_other_lines_alone(ip):
    """No subcommand turns up where no magic is."""
    with provisionalcompleter():
        found = [one.text for one in ip.Completer.completions("x = sho", 7)]
    assert "show" not in found


def test_settings_take_effect_and_refuse_nonsense(ip):
    """Through %config as for any IPython extension."""
    ip.run_line_magic("config", "FailExtract.include_locals = False")
    ip.run_cell("x = 1\nx / 0")
    assert "locals" not in failures()[0]
    ip.run_line_magic("config", "FailExtract.max_depth = 2")
    ip.run_cell("def f(n):\n    f(n + 1)\nf(0)")
    assert len(failures()[1]["extracted_code"]) == 2
    with pytest.raises(TraitError):
        settings(ip).max_depth = 0
    with pytest.raises(TraitError):
        settings(ip).max_memory_mb = "much"


def test_settings_come_from_the_configuration_file(shell):
    """What ipython_config.py says holds from the start."""
    shell.config.FailExtract.include_locals = False
    shell.config.FailExtract.max_failures = 7
    shell.run_line_magic("load_ext", "failextract_nb")
    assert FailureExtractor().get_statistics()["max_failures"] == 7
    shell.run_cell("x = 1\nx / 0")
    assert "locals" not in failures()[0]


def test_limits_set_before_loading_stay(shell):
    """Loading the extension does not lift what code has set."""
    FailureExtractor().set_memory_limits(max_failures=5)
    shell.run_line_magic("load_ext", "failextract_nb")
    assert FailureExtractor().get_statistics()["max_failures"] == 5
    assert settings(shell).max_failures == 5


def traces(shell) -> dict:
    """All that an extension could leave in a shell."""
    return {
        "callbacks": {name: list(found) for name, found in shell.events.callbacks.items()},
        "transformers": list(shell.input_transformers_cleanup),
        "line magics": set(shell.magics_manager.magics["line"]),
        "cell magics": set(shell.magics_manager.magics["cell"]),
        "settings": [one for one in shell.configurables if "failextract" in type(one).__module__],
        "matchers": list(shell.Completer.custom_matchers),
        "display": dict(shell.display_formatter.ipython_display_formatter.type_printers),
        "options": capture.Options(**vars(capture.options)),
        "cells": positions.cell_of,
    }


def test_unload_leaves_no_trace_and_keeps_the_failures(shell):
    """The shell is as it was; what was recorded stays."""
    before = traces(shell)
    shell.run_line_magic("load_ext", "failextract_nb")
    shell.run_line_magic("config", "FailExtract.include_locals = False")
    shell.run_cell("1 / 0")
    shell.run_line_magic("unload_ext", "failextract_nb")
    assert traces(shell) == before
    shell.run_cell("1 / 0")
    assert len(failures()) == 1


def test_loading_and_reloading_twice_leaves_one_hook(ip):
    """%load_ext again and %reload_ext twice: one record for one failure."""
    ip.run_line_magic("load_ext", "failextract_nb")
    for _ in range(2):
        ip.run_line_magic("reload_ext", "failextract_nb")
    ip.run_cell("1 / 0")
    assert len(failures()) == 1
    assert len(ip.input_transformers_cleanup) == len(set(map(id, ip.input_transformers_cleanup)))


def test_a_broken_override_does_not_break_the_session(ip):
    """The user sees the error of the cell, and a warning about the override."""

    class Broken(FailureExtractor):
        def add_failure(self, failure_data):
            raise OSError("my own mistake")

    Broken()
    with pytest.warns(RuntimeWarning, match="ZeroDivisionError was not recorded: OSError: my own"):
        result = ip.run_cell("1 / 0")
    assert isinstance(result.error_in_exec, ZeroDivisionError)
    assert "my own mistake" in FailureExtractor().get_statistics()["problems"][-1]


def test_the_users_own_exception_handler_still_runs(ip):
    """set_custom_exc keeps its slot, and the failure is recorded beside it."""
    seen = []
    ip.set_custom_exc((ValueError,), lambda *found, tb_offset: seen.append(found[2]))
    ip.run_cell("int('x')")
    assert len(seen) == len(failures()) == 1


def test_the_notebook_path_is_known_where_the_server_tells_it(ip, monkeypatch):
    """JPY_SESSION_NAME under Jupyter."""
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/me/analysis.ipynb")
    ip.run_cell("1 / 0")
    assert failures()[0]["notebook"] == "/home/me/analysis.ipynb"
