"""Events as text for PostgreSQL's COPY. Pure."""

import os
import re
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final

import orjson

from events.services.decoding import Row

COLUMNS: Final = (
    "id, message_id, at, received_at, kind, name, user_id, anonymous_id, previous_id, properties, traits, context,"
    " consents, allowed, source, shard, log_offset, claimed_user_id, sender"
)
COPY: Final = f"COPY events_event ({COLUMNS}) FROM STDIN"
_VARIANTS: Final = {digit: "89ab"[int(digit, 16) % 4] for digit in "0123456789abcdef"}
"""The first hexadecimal digit of a UUID's second half says which variant it is (RFC 9562)."""
_SPECIAL: Final[Callable[[str], Any]] = re.compile(r"[\\\t\n\r]").search


def lines(rows: Iterable[Row]) -> list[str]:
    """Return one line of COPY text for each event, with fresh ids (UUIDv7, in order)."""
    stamp = time.time_ns() // 1_000_000
    all_rows = list(rows)
    noise = os.urandom(8 * len(all_rows)).hex()
    return [
        _line(row, f"{stamp:012x}7{index & 0xFFF:03x}{_VARIANTS[noise[at]]}{noise[at + 1 : at + 16]}")
        for index, row in enumerate(all_rows)
        for at in (16 * index,)
    ]


def _line(row: Row, identity: str) -> str:
    fields = row.fields
    get = fields.get
    texts = (get("name", ""), get("source", ""), fields["message_id"])
    ids = (get("user_id"), get("anonymous_id"), get("previous_id"), get("claimed_user_id"))
    name, source, message_id = (escaped(value) for value in texts)
    user_id, anonymous_id, previous_id, claimed_user_id = ("\\N" if value is None else escaped(value) for value in ids)
    return (
        f"{identity}\t{message_id}\t{moment(fields['at'])}\t{moment(fields['received_at'])}\t"
        f"{fields['kind']}\t{name}\t{user_id}\t{anonymous_id}\t{previous_id}\t{_json(get('properties'))}\t"
        f"{_json(get('traits'))}\t{_json(get('context'))}\t{_json(get('consents'))}\t"
        f"{_array(tuple(get('allowed', ())))}\t{source}\t{row.shard}\t{row.offset}\t"
        f"{claimed_user_id}\t{get('sender', '')}\n"
    )


def escaped(value: str) -> str:
    """Return a text escaped for COPY."""
    if _SPECIAL(value):
        return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return value


def _json(value: Any) -> str:
    # JSON escapes control characters itself, so only backslashes are doubled.
    return orjson.dumps(value).decode().replace("\\", "\\\\") if value else "{}"


@lru_cache(maxsize=1024)
def _array(values: tuple[str, ...]) -> str:
    quoted = ('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)
    return escaped("{" + ",".join(quoted) + "}")


def moment(at: int) -> str:
    """Return microseconds since the epoch as a timestamp in UTC. Raises OverflowError beyond the year 9999."""
    second, rest = divmod(at, 1_000_000)
    return f"{_second(second)}.{rest:06d}+00"


@lru_cache(maxsize=8192)
def _second(second: int) -> str:
    if not -62_135_596_800 <= second <= 253_402_300_799:
        raise OverflowError(f"the event time is out of range: {second} s since 1970")
    year, month, day, hour, minute, rest = time.gmtime(second)[:6]
    return f"{year:04d}-{month:02d}-{day:02d} {hour:02d}:{minute:02d}:{rest:02d}"


@lru_cache(maxsize=8192)
def month_of_day(day: int) -> str:
    """Return the first moment of the month of a day (days since 1970)."""
    return _second(day * 86_400)[:7] + "-01"


def months(rows: Iterable[Row]) -> set[str]:
    """Return the months of the events."""
    return {month_of_day(day) for day in {row.fields["at"] // 86_400_000_000 for row in rows}}
