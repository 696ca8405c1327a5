"""The data sets by name. A new one is one file and one line here."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from common.errors import InvalidInput
from demo.datasets import complete_journey, empty, simulated
from demo.datasets.base import DemoData

DATASETS: Final[dict[str, Callable[..., DemoData]]] = {
    "simulated": simulated.load,
    "complete-journey": complete_journey.load,
    "empty": empty.load,
}


def load(name: str, *, now: datetime, currency: str) -> DemoData:
    """Return the data set of that name. Raises InvalidInput for an unknown one."""
    if name not in DATASETS:
        raise InvalidInput.of("DATASET", f"there is no {name}; there are {', '.join(DATASETS)}")
    return DATASETS[name](now=now, currency=currency)
