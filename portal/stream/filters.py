"""The filters of the stream's page, and the lines that pass them."""

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from django.http import QueryDict

from events.stream import ring
from events.stream.line import VERDICTS
from portal.stream.line_view import LineView, Viewer

FIELDS: Final = ("key", "name", "verdict", "subject", "text")
FAILED: Final = "failed"
CHOICES: Final = (*VERDICTS, FAILED)
CURSOR: Final = re.compile(r"\d{1,16}-\d{1,10}")
MOST_FIRST: Final = 50
"""Lines of a new page."""
MOST_NEXT: Final = 200
"""Lines that one poll looks at, the newest; those before are skipped and counted."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What a line must be to be shown; an empty field asks for nothing."""

    key: str = ""
    name: str = ""
    verdict: str = ""
    subject: str = ""
    text: str = ""

    @classmethod
    def of(cls, query: QueryDict) -> "Filters":
        """Return the filters of an address."""
        return cls(**{name: query.get(name, "").strip()[:200] for name in FIELDS})

    @property
    def query(self) -> str:
        """The filters as a part of an address."""
        return urlencode({name: value for name in FIELDS if (value := getattr(self, name))})

    def admit(self, view: LineView) -> bool:
        """Return whether the line is shown; cheap conditions first."""
        line = view.line
        if self.verdict and not _has_verdict(view, self.verdict):
            return False
        if self.name and self.name.lower() not in line.name.lower():
            return False
        if self.key and self.key != view.key:
            return False
        if self.subject and not any(self.subject in (one, one.partition(":")[2]) for one in view.subjects):
            return False
        return not self.text or _holds(view, self.text.lower())


def _holds(view: LineView, text: str) -> bool:
    """Return whether the text stands in what the viewer sees of the line; payloads are masked only where it might."""
    line = view.line
    if text not in f"{line.name} {line.reason} {line.payload} {line.origin}".lower():
        return False
    return view.viewer.sees_ids or text in f"{line.name} {view.reason} {view.payload} {line.origin}".lower()


def _has_verdict(view: LineView, verdict: str) -> bool:
    """Return whether it has the verdict; an event that carries decisions counts among those on consent, too."""
    own = view.line.verdict
    if verdict == FAILED:
        return own in ("rejected", "refused")
    return own == verdict or (verdict == "consent" and own == "kept" and bool(view.line.reason))


def first_lines(filters: Filters, viewer: Viewer) -> tuple[str, list[LineView]]:
    """Return the cursor to read on from, and the newest lines that pass. Raises redis errors."""
    cursor = ring.end()
    views: list[LineView] = []
    for at, line in ring.newest_first():
        view = LineView(at, line, viewer)
        if filters.admit(view):
            views.append(view)
            if len(views) == MOST_FIRST:
                break
    return cursor, views


def next_lines(filters: Filters, viewer: Viewer, *, cursor: str) -> tuple[str, list[LineView]]:
    """Return the new cursor, and what came after the old one and passes, the newest first. Raises redis errors."""
    rows = ring.after(cursor, limit=MOST_NEXT)
    views = (LineView(at, line, viewer) for at, line in rows)
    return rows[0][0] if rows else cursor, [view for view in views if filters.admit(view)]


def cursor_in(query: QueryDict) -> str:
    """Return the cursor of a poll; one that nobody gave out begins at the end."""
    cursor: Any = query.get("after", "")
    return cursor if CURSOR.fullmatch(cursor) else ring.end()
