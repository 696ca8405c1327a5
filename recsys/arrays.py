"""Array types. Docstrings of functions give the shapes."""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Times = NDArray[np.float64]
Bools = NDArray[np.bool_]
