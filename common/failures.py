"""One failed job or open trouble of a room, for pages that list those of all rooms."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Failure:
    """What failed: the primary key of its row, what it is called, why in words, and since when."""

    id: int
    title: str
    message: str
    since: datetime
