"""Independent work two at a time, each on one thread: the same to the last bit whatever the number of cores."""

import ctypes
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

from recsys.progress import silent

WORKERS = 2
M_ARENA_MAX = -8
"""glibc's number for how many heaps threads may have (malloc.h)."""
Name = TypeVar("Name")
Found = TypeVar("Found")
Given = ParamSpec("Given")
Waiting = Callable[[str, float], None]


def side_by_side(
    work: Callable[[Name], Found], names: Iterable[Name], *, waiting: Callable[[Name, float], None] = silent
) -> dict[Name, Found]:
    """Return what `work` makes of each name, in their order; the first error is raised once what has begun has ended.

    `waiting` is told, on the caller's thread, which name is waited for and what share of all is done.
    """
    names = tuple(names)
    found = {}
    _share_heaps()
    # Most fits and answers leave Python for long (BLAS, sparse products, scikit-learn), so that threads do; one that
    # multiplies matrices on all cores would fight the other one.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(WORKERS) as pool:
        begun = [pool.submit(work, name) for name in names]
        try:
            for at, (name, one) in enumerate(zip(names, begun, strict=True)):
                waiting(name, at / len(names))
                found[name] = one.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return found


def _share_heaps() -> None:
    """Let all threads use two heaps of glibc's, where that is the C library.

    Each new thread would get one of its own, up to eight for a core, and what is freed in one is of no use to the next:
    a training of 281,000 products held 4.2 GB instead of 3.5.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_ARENA_MAX, WORKERS)


def on_one_thread(work: Callable[Given, Found]) -> Callable[Given, Found]:
    """Return the same function, which multiplies matrices on one thread: on several, sums differ in their last digits
    by the number of cores, and so would all that is learnt from them."""

    @wraps(work)
    def alone(*args: Given.args, **named: Given.kwargs) -> Found:
        with threadpool_limits(1, "blas"):
            return work(*args, **named)

    return alone
