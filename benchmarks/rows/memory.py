"""What failures weigh: in the store, and while they are written to a report."""

from __future__ import annotations

import ctypes
import gc
import multiprocessing
import os
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

import failextract
from failing import failing
from measure import Figure
from report import Row, at_most
from workload import shop

from failextract_nb import FailureExtractor, OutputConfig, extract_on_failure, formats

MEGABYTE = 1024 * 1024
FLAT = 32  # bytes for a failure more: four times what a list of them takes


def memory(quick: bool) -> Iterator[Row]:
    """Bytes that a stored failure takes, of many whose message and values differ."""
    extractor, peer = FailureExtractor(), failextract.FailureExtractor()
    extractor.set_memory_limits(warn_at=10**12)
    count, rounds = (500, 1) if quick else (4_000, 3)
    ours = extract_on_failure(shop.test_checkout)
    stored, told = [], []
    for _ in range(rounds):
        extractor.clear()
        stored.append(_bytes_of_each(ours, count))
        known = extractor.get_statistics()
        told.append(known["memory_usage_mb"] * MEGABYTE / known["failure_count"])
    extractor.clear()
    yield _bytes("a stored failure with locals", stored, must=at_most(4096), reach=at_most(2048))
    yield _bytes("what get_statistics() says of it", told)
    for name, settings in (("defaults", {}), ("with locals", {"include_locals": True})):
        theirs = failextract.extract_on_failure(**settings)(shop.test_checkout)
        peer.clear()
        yield _bytes(f"failextract, {name}", [_bytes_of_each(theirs, count // 10)])


def _bytes(what: str, values: list[float], **bounds: Any) -> Row:
    return Row(what, Figure(values), unit="B", **bounds)


def _fail(test: Callable[[int], object], count: int) -> None:
    call = failing(test)
    for _ in range(count):
        call()


def _bytes_of_each(test: Callable[[int], object], count: int) -> float:
    """What is left on the heap after ``count`` failures, for one; the first is shared by all."""
    _fail(test, 1)
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    _fail(test, count)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return (after - before) / count


def peak(quick: bool) -> Iterator[Row]:
    """Memory above the store's own while all of it is written, at two sizes of the store."""
    few, many = (500, 2_000) if quick else (10_000, 100_000)
    if not os.path.exists("/proc/self/clear_refs"):
        return  # the highest mark of a process can be set back on Linux only
    spawn = multiprocessing.get_context("spawn")
    pipes = []
    for count in (few, many):  # side by side: nothing is timed
        pipe, theirs = spawn.Pipe(duplex=False)
        process = spawn.Process(target=_peaks, args=(theirs, count), daemon=True)
        process.start()
        theirs.close()  # so that recv() ends if the process does
        pipes.append((pipe, process))
    at_few, at_many = (pipe.recv() for pipe, _ in pipes)
    for _, process in pipes:
        process.join()
    for name in at_many:
        what = f"{name}: above the store of {many:,}"
        yield _bytes(what, [at_many[name]], must=at_most(16 * MEGABYTE))
        each = (at_many[name] - at_few[name]) / (many - few)
        must = None if quick else at_most(FLAT)  # of few, what the heap rounds up is most
        yield _bytes(f"{name}: for each failure above {few:,}", [each], must=must)


def _peaks(pipe: Connection, count: int) -> None:
    """Send, by format, the most that this process held above what it did with a full store.

    Of the whole process, as libyaml and orjson allocate past what tracemalloc sees.  What an
    earlier format has left behind counts, too.
    """
    extractor = FailureExtractor()
    extractor.set_memory_limits(warn_at=10**12)
    names = formats.names()
    with tempfile.TemporaryDirectory() as folder:
        configs = {name: OutputConfig(f"{folder}/{name}", format=name) for name in names}
        for name in names:  # import what it needs
            formats.get(name).format([])
        _fail(extract_on_failure(shop.test_checkout), count)
        base = _resident("VmRSS")
        peaks = {}
        for name, config in configs.items():
            _forget_peak()
            path = extractor.save_report(config)
            peaks[name] = max(0, _resident("VmHWM") - base)
            os.unlink(path)
    pipe.send(peaks)


def _forget_peak() -> None:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def _resident(key: str) -> int:
    """Bytes of this process in memory: now (VmRSS), or at the most (VmHWM)."""
    if key == "VmRSS":
        _forget_peak()
    with open("/proc/self/status") as file:
        found = next(line for line in file if line.startswith(key))
    return int(found.split()[1]) * 1024
