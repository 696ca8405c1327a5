"""The latest lines of the event stream: a Redis stream of bounded length, whose lines go after an hour."""

import re
import time
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

import orjson

from common import redis
from events.stream.line import Line

KEY: Final = "v:stream"
MOST_LINES: Final = 5_000
KEEP_SECONDS: Final = 3_600
AT_ONCE: Final = 250


def queue_append(pipe: Any, lines: Sequence[Line]) -> None:
    """Queue the lines, and what keeps the ring within its limits."""
    for line in lines:
        pipe.xadd(KEY, {"b": line.encode()}, maxlen=MOST_LINES, approximate=True)
    pipe.xtrim(KEY, minid=_oldest())
    pipe.expire(KEY, KEEP_SECONDS)


def newest_first() -> Iterator[tuple[str, Line]]:
    """Yield the lines with their cursors, the newest first. Raises redis errors."""
    upto = "+"
    while True:
        rows: Any = redis.client().xrevrange(KEY, max=upto, min=_oldest(), count=AT_ONCE)
        yield from _lines(rows)
        if len(rows) < AT_ONCE:
            return
        upto = f"({rows[-1][0].decode()}"


def after(cursor: str, *, limit: int) -> list[tuple[str, Line]]:
    """Return the newest `limit` lines after a cursor, the newest first. Raises redis errors."""
    rows: Any = redis.client().xrevrange(KEY, max="+", min=f"({cursor}", count=limit)
    return list(_lines(rows))


def end() -> str:
    """Return the cursor behind the newest line. Raises redis errors."""
    rows: Any = redis.client().xrevrange(KEY, count=1)
    return rows[0][0].decode() if rows else "0-0"


def forget(subjects: Collection[str]) -> int:
    """Remove the lines that name one of these raw ids; return how many those were. Raises redis errors."""
    cursors = _about(subjects)
    return int(redis.client().xdel(KEY, *cursors)) if cursors else 0


def count_of(subjects: Collection[str]) -> int:
    """Return how many lines name one of these raw ids. Raises redis errors."""
    return len(_about(subjects))


def _about(subjects: Collection[str]) -> list[str]:
    """Return the cursors of lines that name one of the ids, in whatever field: rather one too many."""
    ids = {one.partition(":")[2] for one in subjects} - {""}
    if not ids:
        return []
    whole_words = "|".join(re.escape(orjson.dumps(one).decode()[1:-1]) for one in sorted(ids))
    pattern = re.compile(rf"(?<!\w)(?:{whole_words})(?!\w)")
    rows: Any = redis.client().xrange(KEY)
    return [
        cursor
        for cursor, line in _lines(rows)
        if not ids.isdisjoint(one.partition(":")[2] for one in line.subjects)
        or pattern.search(f"{line.payload}\n{line.reason}\n{line.message_id}")
    ]


def _oldest() -> str:
    return str(int((time.time() - KEEP_SECONDS) * 1000))


def _lines(rows: Sequence[tuple[bytes, dict[bytes, bytes]]]) -> Iterator[tuple[str, Line]]:
    for cursor, fields in rows:
        yield cursor.decode(), Line.decode(fields[b"b"])
