"""Functions compiled to machine code by numba, without the GIL, kept on disk where Python keeps its own bytecode."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

Params = ParamSpec("Params")
Result = TypeVar("Result")


def compiled(function: Callable[Params, Result]) -> Callable[Params, Result]:
    """Return the function compiled at its first call with new types of arguments; later processes load it from disk.

    Floating-point operations keep their order, so that sums equal numpy's to the last bit. Where no folder can be
    written, each process compiles anew.
    """
    try:
        quick: Callable[Params, Result] = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # no folder for the cache
        quick = numba.njit(nogil=True, error_model="numpy")(function)
    return quick


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Return a contiguous read-only view: a mapped file and an array in memory then share one compiled function."""
    if type(array) is np.ndarray and array.flags.c_contiguous and not array.flags.writeable:
        return array
    view = np.ascontiguousarray(array).view(np.ndarray)[...]
    view.flags.writeable = False
    return view
