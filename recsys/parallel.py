"""Runs independent work in two threads, each with single-threaded BLAS.

Results are the same to the last bit on any number of cores.
"""

import ctypes
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

from recsys.progress import silent

WORKERS = 2
M_ARENA_MAX = -8
"""The `mallopt` parameter for the number of glibc heaps (malloc.h)."""
Key = TypeVar("Key")
Result = TypeVar("Result")
Params = ParamSpec("Params")


def run_parallel(
    work: Callable[[Key], Result], keys: Iterable[Key], *, progress: Callable[[Key, float], None] = silent
) -> dict[Key, Result]:
    """Return `work(key)` for each key, in the order of the keys.

    `progress` is called in the caller's thread with the key whose result comes next and the share done, 0 to 1. The
    first error is raised after the tasks that have started are finished; the others are canceled.
    """
    keys = tuple(keys)
    results = {}
    _limit_heaps()
    # Fits spend most time outside Python (BLAS, sparse products, scikit-learn), so threads are enough. Two BLAS calls
    # on all cores would compete.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(WORKERS) as pool:
        futures = [pool.submit(work, key) for key in keys]
        try:
            for done, (key, future) in enumerate(zip(keys, futures, strict=True)):
                progress(key, done / len(keys))
                results[key] = future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    return results


def _limit_heaps() -> None:
    """Limit glibc to two heaps; does nothing with another C library.

    By default each thread gets its own heap, up to eight a core, and memory freed in one is not reused in the others.
    A training of 281,000 products took 4.2 GB instead of 3.5.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_ARENA_MAX, WORKERS)


def on_one_thread(function: Callable[Params, Result]) -> Callable[Params, Result]:
    """Decorate a function to run with single-threaded BLAS.

    With several threads, the last digits of sums depend on the number of cores, and so would the trained model.
    """

    @wraps(function)
    def wrapper(*args: Params.args, **kwargs: Params.kwargs) -> Result:
        with threadpool_limits(1, "blas"):
            return function(*args, **kwargs)

    return wrapper
