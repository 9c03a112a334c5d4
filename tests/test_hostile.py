"""Whatever the user's objects do, capture returns, and the exception leaves as it came."""

from __future__ import annotations

import gc
import json
import linecache
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing

import numpy as np
import pandas as pd
import pytest

from failextract_nb import FailureExtractor, _budget, capture, extract_on_failure
from failextract_nb._safe import message_of, text_of

LIMIT = _budget.SECONDS * 1000
SLOW = f"its repr took longer than {LIMIT:g} ms"


def recorded(extractor, value, error=None):
    """The record of a failure with ``value`` among its variables; the exception is unchanged."""
    error = error or ValueError("no")
    traced = []

    @extract_on_failure
    def fails():
        held = value
        try:
            raise error
        finally:
            traced.append(sys.exc_info()[2])

    with pytest.raises(type(error)) as caught:
        fails()
    assert caught.value is error
    assert traced[0] in _chain(error.__traceback__)
    assert extractor.failures, extractor.get_statistics()["problems"]
    record = extractor.failures[-1]
    json.dumps(dict(record))
    assert len(json.dumps(dict(record))) < 60_000
    return record


def _chain(traceback):
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


class Endless:
    def __repr__(self):
        while True:
            pass


class Asleep:
    def __repr__(self):
        time.sleep(60)


class Stubborn:
    """Swallows whatever tries to break it off."""

    def __repr__(self):
        for _ in range(5):
            try:
                while True:
                    pass
            except BaseException:
                pass
        raise ValueError


class Locked:
    lock = threading.Lock()

    def __repr__(self):
        with self.lock:
            return "free"


@pytest.mark.parametrize("kind", [Endless, Asleep, Stubborn])
def test_a_repr_that_never_returns(extractor, kind):
    """It is given up after a tenth of a second, which the record says; others are written."""
    value = type("Own", (kind,), {})()
    began = time.monotonic()
    record = recorded(extractor, value)
    assert time.monotonic() - began < 30 * _budget.SECONDS  # far from a minute
    assert record["locals"][-1]["value"] == f"<Own: {SLOW}>"
    assert record["locals"][-1]["error"].startswith("ValueError")


STOPS = """
import os, signal, time
from failextract_nb import FailureExtractor, _budget, capture_failures
_budget.SECONDS = 3.0  # ten times what it works: the machine may be busy

class Stops:
    def __repr__(self):
        self.works(0.1)
        os.kill(os.getpid(), signal.SIGSTOP)
        self.works(0.2)
        return "done"

    def works(self, seconds):
        ends = time.process_time() + seconds
        while time.process_time() < ends:
            pass

try:
    with capture_failures():
        value = Stops()
        1 / 0
except ZeroDivisionError:
    print(FailureExtractor().failures[0]["locals"][-1]["value"])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no process is stopped here")
def test_time_in_which_the_process_did_not_run_does_not_count():
    """As where somebody stops it for a while: no value is given up for that."""
    process = subprocess.Popen([sys.executable, "-c", STOPS], stdout=subprocess.PIPE, text=True)
    os.waitpid(process.pid, os.WUNTRACED)  # until it stands still
    time.sleep(5)
    process.send_signal(signal.SIGCONT)
    assert process.communicate(timeout=60)[0] == "done\n"


@pytest.mark.parametrize("then", [0.0, 5_000.0, 1e9])
def test_a_repr_that_never_returns_while_the_clock_stands(then, extractor, monkeypatch):
    """As in tests that set the time: it goes back, on, or nowhere."""
    monkeypatch.setattr(time, "monotonic", lambda: then)
    record = recorded(extractor, type("Own", (Endless,), {})())
    assert record["locals"][-1]["value"] == f"<Own: {SLOW}>"


def test_under_coverage_values_have_no_more_time_than_else(tmp_path):
    """Its tracer is in C; who measures tests that hang waits no longer for them."""
    (tmp_path / "slow.py").write_text(
        f"{TAKES_LONG}\nprint(sys.gettrace() is not None, fails(), sep='\\n')"
    )
    command = [sys.executable, "-m", "coverage", "run", "--data-file=data", "slow.py"]
    env = {name: one for name, one in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines() == ["True", f"<Own: {SLOW}>"]


# A value that takes longer than one may, in a process of its own.
TAKES_LONG = """
import sys, time
from failextract_nb import FailureExtractor, capture_failures
class Slow:
    def __repr__(self):
        time.sleep(0.4)
        return "done"
def fails():
    try:
        with capture_failures():
            value = type("Own", (Slow,), {})()
            raise ValueError
    except ValueError:
        return FailureExtractor().failures[-1]["locals"][-1]["value"]
"""


def test_where_a_debugger_traces_values_have_more_time(run_python):
    """It takes its own time for each line, and for each function that it has not seen before."""
    done = run_python(f"""{TAKES_LONG}
for tracer in (lambda frame, event, arg: None, None):
    sys.settrace(tracer)
    print(fails())
""")
    assert done.stdout.splitlines() == ["done", f"<Own: {SLOW}>"]


def test_a_repr_that_waits_for_a_lock(extractor):
    """A lock that the failing code holds does not hang its capture."""
    value = type("Own", (Locked,), {})()
    with Locked.lock:
        record = recorded(extractor, value)
    assert record["locals"][-1]["value"] == f"<Own: {SLOW}>"


def test_a_class_that_took_too_long_is_not_asked_again_at_once():
    """A hundred such values do not take a hundred times as long."""
    asked = []

    class Own(Endless):
        def __repr__(self):
            asked.append(1)
            return super().__repr__()

    values = [Own() for _ in range(100)]
    assert {text_of(value) for value in values} == {f"<Own: {SLOW}>"}
    assert len(asked) == 1


def test_a_message_that_never_comes():
    """The same for an exception's own text."""

    class Mute(Exception):
        def __str__(self):  # noqa: PLE0307  # it never gets there
            while True:
                pass

    assert message_of(Mute()) == f"<no message: __str__ took longer than {LIMIT:g} ms>"


def test_nothing_breaks_in_after_a_value_was_written():
    """Reprs that end just when their time is over raise nothing later, in any thread."""

    class Close:
        def __repr__(self):
            end = time.monotonic() + _budget.SECONDS + 0.0001 * (self.n % 7 - 3)
            while time.monotonic() < end:
                pass
            return "done"

    def work():
        for n in range(5):
            value = type("Own", (Close,), {"n": n})()
            found.append(text_of(value))
            for _ in range(10_000):  # where a late exception would land
                pass

    found = []
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    work()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    assert set(found) <= {"done", f"<Own: {SLOW}>"}


def test_a_profiler_runs_on_after_a_value_was_given_up(run_python):
    """CPython 3.11 hangs under a profiler where an exception for a thread was taken back."""
    done = run_python("""
        import cProfile, threading
        from failextract_nb._safe import text_of
        class Slow:
            def __repr__(self):
                while True: pass
        thread = threading.Thread(target=lambda: print(text_of(Slow())))
        thread.start()
        thread.join()
        cProfile.run("print('profiled')")
    """)
    assert "took longer" in done.stdout
    assert "profiled" in done.stdout


@pytest.mark.skipif(not hasattr(signal, "SIGURG"), reason="the platform has no SIGURG")
def test_a_signal_that_somebody_uses_is_theirs():
    """The handler of the user stays, during a repr and after it."""
    seen = []

    class Looks:
        def __repr__(self):
            seen.append(signal.getsignal(signal.SIGURG))
            return "looked"

    before = signal.signal(signal.SIGURG, handler := lambda *_: None)
    try:
        assert text_of(Looks()) == "looked"
        assert seen == [handler]
    finally:
        signal.signal(signal.SIGURG, before)
    assert text_of(Looks()) == "looked"
    assert signal.getsignal(signal.SIGURG) == before


@pytest.mark.skipif(not hasattr(signal, "SIGURG"), reason="the platform has no SIGURG")
def test_what_waits_is_broken_off_whichever_thread_was_first(run_python):
    """Another thread may be the first to write a value; the main one sleeps all the same."""
    run_python("""
        import threading, time
        from failextract_nb._safe import text_of
        class Own:
            def __repr__(self): return "own"
        class Asleep:
            def __repr__(self): time.sleep(60)
        thread = threading.Thread(target=text_of, args=(Own(),))
        thread.start()
        thread.join()
        began = time.monotonic()
        assert "took longer" in text_of(Asleep())
        assert time.monotonic() - began < 30
    """)


class Boom(BaseException):
    """Of no kind that ``except Exception`` sees."""


def raising(*names):
    """A class whose special methods of these names raise."""

    def raises(self, *_args):
        raise Boom

    body = {name: raises for name in names if name != "__class__"}
    if "__class__" in names:
        body["__class__"] = property(raises)
    return type("Hostile", (), body)


@pytest.mark.parametrize(
    "names",
    [
        ("__repr__",),
        ("__repr__", "__str__", "__format__"),
        ("__getattr__", "__getattribute__", "__repr__"),
        ("__class__",),
        ("__eq__", "__hash__", "__bool__"),
        ("__len__", "__iter__", "__getitem__", "__contains__", "__next__"),
        ("__dict__",),
    ],
)
def test_values_whose_methods_raise(extractor, names):
    """They cost their own text at most."""
    record = recorded(extractor, raising(*names)())
    assert "Hostile" in record["locals"][-1]["value"]


@pytest.mark.parametrize("answer", [None, 3, b"x", ["x"], object()])
def test_a_repr_of_the_wrong_type(extractor, answer):
    kind = type("Odd", (), {"__repr__": lambda self: answer})
    record = recorded(extractor, kind())
    assert record["locals"][-1]["value"] == "<Odd: its repr raised TypeError>"


def test_a_repr_that_recurses(extractor):
    kind = type("Deep", (), {"__repr__": lambda self: repr(self)})
    assert recorded(extractor, kind())["locals"][-1]["value"] == (
        "<Deep: its repr raised RecursionError>"
    )


def test_a_repr_of_a_gigabyte_is_bounded(extractor):
    """What it takes is freed; the record holds a few hundred characters."""
    kind = type("Huge", (), {"__repr__": lambda self: "x" * 10**9})
    assert len(recorded(extractor, kind())["locals"][-1]["value"]) < 1_000


def test_a_repr_that_writes_to_a_database(extractor, tmp_path):
    """In the middle of a transaction of the user's."""
    file = tmp_path / "log.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as base:
        base.execute("create table seen (what text)")

        class Logged:
            def __repr__(self):
                base.execute("insert into seen values ('asked')")
                return "Logged()"

        base.execute("begin immediate")
        base.execute("insert into seen values ('before')")
        record = recorded(extractor, Logged())
        base.execute("commit")
        seen = [what for (what,) in base.execute("select what from seen")]
    assert seen == ["before", "asked"]
    assert record["locals"][-1]["value"] == "Logged()"


def test_frames_of_cython(extractor):
    """Those of pandas and NumPy: compiled, and their sources are not there, but for an old pandas'."""

    def by_pandas():
        return pd.Timedelta("nonsense")

    def by_numpy():
        return np.random.default_rng(1).integers(5, 1)

    for function, kind, source in (
        (by_pandas, ValueError, "timedeltas.pyx"),
        (by_numpy, ValueError, "_generator.pyx"),
    ):
        with pytest.raises(kind) as caught:
            extract_on_failure(function)()
        record = extractor.failures[-1]
        compiled = [one for one in record["extracted_code"] if one["file"].endswith(source)]
        assert compiled
        assert all(one["library"] for one in compiled)
        assert all(("code" in one) == bool(linecache.getlines(one["file"])) for one in compiled)
        assert source in record["exception_traceback"]
        assert record["test_file"] == __file__
        assert str(caught.traceback[-1].path).endswith(".pyx")


def test_a_repr_that_prints_and_starts_threads(extractor, capsys):
    started = []

    class Busy:
        def __repr__(self):
            sys.stdout.write("looked at\n")
            started.append(threading.Thread(target=lambda: None))
            started[-1].start()
            return "busy"

    assert recorded(extractor, Busy())["locals"][-1]["value"] == "busy"
    started[0].join()
    assert capsys.readouterr().out == "looked at\n"


def test_a_repr_that_fails_and_is_recorded_itself(extractor):
    """It is no failure of its own: nobody but the capture has asked."""

    class Again:
        @extract_on_failure
        def __repr__(self):
            raise KeyError("inside")

    record = recorded(extractor, Again())
    assert record["locals"][-1]["value"] == "<Again: its repr raised KeyError>"
    assert [one["exception_type"] for one in extractor.failures] == ["ValueError"]


# ---- exceptions


class Slotted(Exception):
    __slots__ = ("x",)


def homeless():
    return type("Homeless", (Exception,), {"__module__": None})("lost")


def circular():
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    return one


class Liar(Exception):
    """Answers with nonsense, whatever is asked."""

    @property
    def __cause__(self):
        raise Boom

    @property
    def __traceback__(self):
        raise Boom

    @property
    def __notes__(self):
        raise Boom

    def __str__(self):
        raise Boom

    def __setattr__(self, *_):
        raise Boom


@pytest.mark.parametrize("make", [lambda: Slotted("s"), homeless, circular])
def test_odd_exceptions(extractor, make):
    error = make()
    assert recorded(extractor, 1, error)["exception_type"] == type(error).__name__


def test_an_exception_that_lies(extractor):
    """Its record is there, and says what could not be asked."""
    error = Liar()
    with pytest.raises(Liar) as caught, capture_by_decorator():
        raise error
    assert caught.value is error
    assert extractor.failures[-1]["exception_type"] == "Liar"


def capture_by_decorator():
    from failextract_nb import capture_failures

    return capture_failures()


def test_a_traceback_of_very_many_frames(extractor, monkeypatch):
    """A million: the record is as small as any."""
    monkeypatch.setattr(_budget, "IN_ALL", 60.0)  # coverage looks at each line of the walk
    error = ValueError("deep")

    @extract_on_failure
    def fails():
        try:
            raise error
        except ValueError:
            traceback = error.__traceback__
            kind = type(traceback)
            for _ in range(1_000_000):
                traceback = kind(
                    traceback, traceback.tb_frame, traceback.tb_lasti, traceback.tb_lineno
                )
            raise error.with_traceback(traceback)  # noqa: B904

    with pytest.raises(ValueError, match="deep"):
        fails()
    record = extractor.failures[-1]
    assert record["frames_omitted"] > 900_000
    assert len(json.dumps(dict(record))) < 60_000
    while error.__traceback__ is not None:  # freed one by one: CPython recurses
        error.__traceback__ = error.__traceback__.tb_next


def test_code_without_source_and_source_that_changed(extractor, tmp_path):
    """exec and eval have frames too; a file that changed since shows what it can."""
    with pytest.raises(ZeroDivisionError):
        extract_on_failure(lambda: exec("def f(x):\n    return 1 / x\nf(0)", {}))()
    assert extractor.failures[-1]["exception_type"] == "ZeroDivisionError"
    file = tmp_path / "changes.py"
    file.write_text("def f():\n    raise KeyError('x')\n")
    scope = {}
    exec(compile(file.read_text(), str(file), "exec"), scope)
    file.write_text("")
    with pytest.raises(KeyError):
        extract_on_failure(scope["f"])()
    assert extractor.failures[-1]["line_number"] == 2


@pytest.mark.parametrize("error", [MemoryError("full"), RecursionError("deep")])
def test_what_runs_out_while_capturing(extractor, monkeypatch, error):
    """The record says so, and is one all the same."""

    def raises(*_args, **_kwargs):
        raise error

    monkeypatch.setattr("failextract_nb.raised.Walk.raised", raises)
    record = recorded(extractor, 1)
    assert (record["exception_type"], record["exception_message"]) == ("ValueError", "no")
    assert type(error).__name__ in record["exception_traceback"]


# ---- the store


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the platform has no timers")
def test_a_signal_handler_that_fails_in_the_middle_of_a_change(extractor):
    """What a handler adds on the thread that holds the lock comes after; nothing is lost."""
    handled = []

    def handler(_number, _frame):
        handled.append(1)
        extractor.add_failure({"exception_type": "InHandler"})

    before = signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        added = 0
        while len(handled) < 200:
            extractor.add_failure({"exception_type": "Plain"})
            added += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    counts = extractor.get_statistics()["by_exception_type"]
    assert counts == {"Plain": added, "InHandler": len(handled)}
    assert len(extractor.failures) == added + len(handled)
    assert len({one["id"] for one in extractor.failures}) == added + len(handled)


# The lock of coverage would stay locked after an interrupt, or be asked for again by a handler.
UNMEASURED = {"COVERAGE_PROCESS_START": None, "COVERAGE_PROCESS_CONFIG": None}


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the platform has no timers")
def test_a_function_that_fails_in_a_handler_is_recorded(run_python):
    """In the middle of a capture, of a change; only while a repr is asked it is not."""
    run_python(
        """
        import signal
        from failextract_nb import FailureExtractor, _budget, extract_on_failure
        extractor, handled = FailureExtractor(), []

        @extract_on_failure
        def in_handler():
            raise KeyError(len(handled))

        def handler(_number, _frame):
            if not _budget.is_asking():
                handled.append(1)
                try:
                    in_handler()
                except KeyError:
                    pass

        @extract_on_failure
        def plain(values):
            raise ValueError(values)

        signal.signal(signal.SIGALRM, handler)
        failed = 0
        while len(handled) < 100:
            # One at a time: handlers in handlers would end in a RecursionError of their own.
            signal.setitimer(signal.ITIMER_REAL, 0.0001 + 0.00002 * (failed % 50))
            try:
                plain([1, {"a": 2}])
            except ValueError:
                failed += 1
            if failed == 20:
                extractor.set_memory_limits(max_failures=10**6)
        signal.setitimer(signal.ITIMER_REAL, 0)
        assert extractor.get_statistics()["problems"] == []
        counts = extractor.get_statistics()["by_exception_type"]
        assert counts == {"ValueError": failed, "KeyError": len(handled)}, (counts, failed)
        """,
        **UNMEASURED,
    )


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the platform has no timers")
@pytest.mark.parametrize("clears", [False, True])
def test_an_interrupt_at_any_moment_leaves_the_store_whole(run_python, clears):
    """Its lock is free, its counts are those of its records, and it takes more."""
    run_python(
        f"""
        import signal, threading
        from collections import Counter
        from failextract_nb import FailureExtractor
        extractor, interrupts = FailureExtractor(), 0
        extractor.set_memory_limits(warn_at=10**9)

        def handler(_number, _frame):
            raise KeyboardInterrupt

        signal.signal(signal.SIGALRM, handler)
        while interrupts < 200:
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.0001 + 0.00001 * (interrupts % 50))
                for number in range(1000):
                    extractor.add_failure({{"exception_type": f"Plain{{number % 3}}"}})
                    if {clears} and number % 3 == 0:
                        extractor.clear()
            except KeyboardInterrupt:
                interrupts += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        other = threading.Thread(
            target=extractor.add_failure, args=({{"exception_type": "Last"}},), daemon=True
        )
        other.start()
        other.join(timeout=20)
        assert not other.is_alive()
        kept = Counter(one["exception_type"] for one in extractor.failures)
        assert extractor.get_statistics()["by_exception_type"] == kept
        assert extractor.get_statistics()["failure_count"] == kept.total()
        assert all(extractor._store.failures.get(one["id"]) is one for one in extractor.failures)
        extractor.clear()
        assert extractor.get_statistics()["memory_usage_mb"] == 0
        """,
        **UNMEASURED,
    )


def test_a_finalizer_that_fails_in_the_middle_of_a_change(extractor, monkeypatch):
    """So does what a ``__del__`` adds that runs while a record is stored."""

    class Dying:
        def __del__(self):
            extractor.add_failure({"exception_type": "InFinalizer"})

    store = FailureExtractor._store
    count = store.count

    def counting(record, by):
        circle = [Dying()]
        circle.append(circle)
        del circle
        gc.collect()
        monkeypatch.setattr(store, "count", count)
        count(record, by)

    monkeypatch.setattr(store, "count", counting)
    extractor.add_failure({"exception_type": "Plain"})
    assert [one["exception_type"] for one in extractor.failures] == ["Plain", "InFinalizer"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform does not fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_in_the_middle_of_appends(extractor):
    """The child's store is whole, and takes failures."""
    stop = threading.Event()

    def add():
        while not stop.is_set():
            extractor.add_failure({"exception_type": "Plain"})

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(20):
            child = os.fork()
            if not child:
                try:
                    before = len(extractor.failures)
                    extractor.add_failure({"exception_type": "InChild"})
                    counts = extractor.get_statistics()["by_exception_type"]
                    whole = len(extractor.failures) == before + 1 == sum(counts.values())
                    os._exit(0 if whole else 1)
                except BaseException:
                    os._exit(2)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_failure_while_the_interpreter_goes_down(run_python):
    """Atexit callbacks and finalizers of modules may fail: nothing is printed but their own."""
    done = run_python("""
        import atexit
        from failextract_nb import extract_on_failure
        class Slow:
            def __repr__(self):
                return "slow"
        @extract_on_failure
        def fails(held):
            raise ValueError("late")
        class Dying:
            def __del__(self):
                try:
                    fails(Slow())
                except ValueError:
                    pass
        kept = Dying()
        atexit.register(lambda: fails(Slow()))
    """)
    assert done.returncode == 0
    assert "failextract" not in done.stderr.replace("failextract_nb/", "")


def test_a_failed_capture_leaves_no_thread_waiting(extractor):
    """The one thread that looks at the clock goes when nothing has to be timed."""
    text_of(type("Own", (), {"__repr__": lambda self: "own"})())
    names = [one.name for one in threading.enumerate()]
    assert names.count("failextract-budget") <= 1


def test_capture_marks_are_the_only_thing_left_on_an_exception(extractor):
    """The same object, arguments, notes, cause and context as before."""
    error = ValueError("a", 1)
    error.add_note("note")
    recorded(extractor, 1, error)
    assert (error.args, error.__notes__) == (("a", 1), ["note"])
    assert (error.__cause__, error.__context__) == (None, None)
    assert set(vars(error)) == {"__notes__", capture.MARK}
