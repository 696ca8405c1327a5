"""Fits that run beside each other: their order, their errors, their threads."""

import ctypes
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info

from recsys.parallel import run_parallel
from tests.house.tree import ROOT


def blas_threads() -> set[int]:
    """Return how many threads matrix products may use."""
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def test_answers_come_in_the_order_of_the_names_whichever_ends_first() -> None:
    names, last_is_done = ["slow", "quick", "last"], threading.Event()

    def work(name: str) -> str:
        if name == "slow":
            assert last_is_done.wait(60)
        if name == "last":
            last_is_done.set()
        return name

    result = run_parallel(work, names)
    assert list(result.items()) == [(name, name) for name in names]


def test_progress_is_told_on_the_callers_thread() -> None:
    """It may write to the database, whose connection belongs to a thread."""
    reports: list[tuple[str, float, threading.Thread]] = []
    run_parallel(
        str.upper, ["a", "b"], progress=lambda name, share: reports.append((name, share, threading.current_thread()))
    )
    assert reports == [("a", 0.0, threading.current_thread()), ("b", 0.5, threading.current_thread())]


def test_matrices_are_multiplied_on_one_thread_meanwhile_and_on_as_many_as_before_afterwards() -> None:
    before = blas_threads()
    result = run_parallel(lambda name: blas_threads(), ["a", "b", "c"])
    assert all(threads == {1} for threads in result.values())
    assert blas_threads() == before


def test_an_error_is_raised_and_what_has_not_begun_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, closed = list[str](), threading.Event()

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            closed.set()
            super().shutdown(wait=wait)

    def work(name: str) -> None:
        begun.append(name)
        if name == "0":
            raise ValueError("0 cannot be fitted")
        assert closed.wait(60)

    monkeypatch.setattr("recsys.parallel.ThreadPoolExecutor", Pool)
    with pytest.raises(ValueError, match="0 cannot be fitted"):
        run_parallel(work, map(str, range(50)))
    assert len(begun) <= 3, "one that failed, and one more of each thread"


TWO_THREADS = """
import ctypes, sys, threading
from recsys.parallel import run_parallel

together = threading.Barrier(2)
run_parallel(lambda name: together.wait() or [bytearray(5_000)], ["a", "b"])
libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.fopen(sys.argv[1].encode(), b"w"))
libc.malloc_info(0, file)
libc.fclose(file)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="heaps are counted as glibc tells them")
def test_two_threads_and_their_caller_share_two_heaps(tmp_path: Path) -> None:
    """What is freed in the heap of one thread is of no use to another."""
    file = tmp_path / "heaps.xml"

    subprocess.run([sys.executable, "-c", TWO_THREADS, str(file)], cwd=ROOT, check=True)

    assert file.read_text().count("<heap nr=") <= 2
