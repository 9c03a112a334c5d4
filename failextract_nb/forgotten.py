"""What a ``clear`` takes away, and how it comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from failextract_nb.failure import Failure, Passed

if TYPE_CHECKING:
    from failextract_nb.store import Store


class Forgotten(NamedTuple):
    """What a ``clear`` took away, so that it can come back."""

    failures: list[tuple[Failure, int]]  # each with its size
    passed: list[tuple[Passed, int]]
    dropped: tuple[int, int]  # failures and passes
    passes: int
    interrupted: int
    bytes: int


def all_of(store: Store) -> Forgotten:
    """All that ``store`` holds; its lock must be held."""
    return Forgotten(
        store.failures.sized(),
        store.passed.sized(),
        (store.failures.dropped, store.passed.dropped),
        store.pass_count,
        store.interrupted,
        store.bytes,
    )


def bring_back(store: Store, before: Forgotten, since: Forgotten) -> None:
    """Fill ``store``, which is empty, with both; what came ``since`` wins, and is the newest."""
    store.failures.restart(before.dropped[0])
    store.passed.restart(before.dropped[1])
    newer = {failure["id"] for failure, _ in since.failures}
    kept = (one for one in before.failures if one[0]["id"] not in newer)
    for failure, size in (*kept, *since.failures):
        store.failures.append(failure, size)
        store.count(failure, 1)
    newer = {passed["id"] for passed, _ in since.passed}
    passes = (one for one in before.passed if one[0]["id"] not in newer)
    for passed, passed_size in (*passes, *since.passed):
        store.passed.append(passed, passed_size)
    store.failures.dropped += since.dropped[0]
    store.passed.dropped += since.dropped[1]
    store.passes_before -= before.passes + since.passes
    store.interrupted = before.interrupted + since.interrupted
    while store.max_passed is not None and len(store.passed) > store.max_passed:
        store.passed.drop_oldest()
