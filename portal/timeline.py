"""A person's timeline for people: lists that were served one after the other are one line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby

from catalog.records import ProductRow
from events.activity import TimelineEvent

SERVED = "Recommendation Served"
MINUTE = timedelta(minutes=1)
CLICKED = "Product Clicked"


@dataclass(frozen=True, slots=True)
class Moment:
    """One event of the timeline with its products."""

    event: TimelineEvent
    products: list[ProductRow]
    titles: tuple[str, ...] = ()
    """Of a served list: all its products in order, by title where the catalog knows them."""

    @property
    def others(self) -> int:
        """The number of products besides the first."""
        return len(self.event.products) - 1


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the timeline: a moment, or several served lists, the newest first.

    `clicks` is the number of clicks that came right after the lists.
    """

    moments: tuple[Moment, ...]
    clicks: int = 0

    @property
    def is_served(self) -> bool:
        """Whether the line stands for served lists."""
        return self.moments[0].event.name == SERVED

    @property
    def first(self) -> Moment:
        """The newest moment."""
        return self.moments[0]

    @property
    def last(self) -> Moment:
        """The earliest moment."""
        return self.moments[-1]

    @property
    def spans_minutes(self) -> bool:
        """Whether the first and the last moment are more than a minute apart, so that both times are worth showing."""
        return self.first.event.at - self.last.event.at > MINUTE

    @property
    def summary(self) -> str:
        """What a line of served lists says."""
        count = len(self.moments)
        text = f"{count} list{'s' * (count > 1)} served"
        placements = [moment.event.served.placement for moment in self.moments if moment.event.served]
        if names := ", ".join(dict.fromkeys(filter(None, placements))):
            text = f"{text} ({names})"
        return f"{text}, {self.clicks} click{'s' * (self.clicks > 1)} after" if self.clicks else text


def collapsed(moments: Sequence[Moment]) -> list[Line]:
    """Return the lines of a timeline (newest first): served lists in a row are one line, any other moment its own."""
    lines: list[Line] = []
    clicks = 0
    for served, group in groupby(moments, key=lambda moment: moment.event.name == SERVED):
        own = tuple(group)
        if served:
            lines.append(Line(own, clicks))
        else:
            lines += [Line((moment,)) for moment in own]
            clicks = sum(moment.event.name == CLICKED for moment in own)
    return lines
