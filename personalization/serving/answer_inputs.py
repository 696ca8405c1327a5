"""What an answer was computed from, as its exposure keeps it: enough to compute it again (`services.replay`).

Most of it are names of versions that are kept elsewhere. The record is small, because every answer has one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import orjson


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a snapshot was built from.

    `catalog` and `rules` are moments of the database (`catalog.selectors.MOMENT`), None where nothing was read.
    `on_sale_us` is the time at which it was determined what is on sale, in microseconds. `counts` is the position of
    the live counts and their day, None where none are followed. `artifact` begins the hash of the model's files.
    """

    artifact: str = ""
    increment: int | None = None
    catalog: str | None = None
    rules: str | None = None
    on_sale_us: int = 0
    counts: tuple[str, int] | None = None


UNKNOWN: Final = Provenance()


@dataclass(frozen=True, slots=True)
class HistoryRead:
    """A shopper's history as it was read: up to which offset of the log, and a hash of what was found.

    `segments` are those of the shopper's segments that a rule names.
    """

    offset: int = 0
    digest: str = ""
    segments: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Lot:
    """What chance and budget said to exploration: the seed of a draw that no history seeds, and the reservation.

    `place` is the index of the drawn product that was shown, None for none; `had_budget` is about each drawn product.
    """

    seed: int | None = None
    place: int | None = None
    had_budget: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class AnswerInputs:
    """The inputs of one answer besides its request. `now_us` is the time of the request in microseconds."""

    now_us: int
    provenance: Provenance
    placement_version: int
    fallback_reason: str | None = None
    history: HistoryRead | None = None
    past_deadline: bool = False
    on_page: tuple[str, ...] = ()
    lot: Lot | None = None
    arms: tuple[tuple[str, str], ...] = ()
    """Experiment and arm of each that changed something."""


def seal(value: Any) -> str:
    """Return a short hash of JSON, the same after a stay in the database: it shows whether the value was altered."""
    return blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=6).hexdigest()


def digest_of(*parts: bytes) -> str:
    """Return a short hash of bytes."""
    return blake2b(b"\0".join(parts), digest_size=8).hexdigest()


def packed(inputs: AnswerInputs, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs as JSON, without what is empty."""
    origin, history, lot = inputs.provenance, inputs.history, inputs.lot
    values: dict[str, Any] = {
        "now": inputs.now_us,
        "request": dict(request),
        "placement": inputs.placement_version,
        "artifact": origin.artifact,
        "increment": origin.increment,
        "catalog": origin.catalog,
        "rules": origin.rules,
        "on_sale": origin.on_sale_us,
        "counts": None if origin.counts is None else list(origin.counts),
        "shopper": inputs.fallback_reason,
        "history": None if history is None else [history.offset, history.digest],
        "segments": None if history is None else sorted(history.segments),
        "late": inputs.past_deadline,
        "on_page": list(inputs.on_page),
        "arms": [list(one) for one in inputs.arms],
        "lot": None if lot is None else [lot.seed, lot.place, "".join("1" if one else "0" for one in lot.had_budget)],
    }
    return {name: value for name, value in values.items() if value or value == 0 and value is not False}


def unpacked(values: Mapping[str, Any]) -> AnswerInputs:
    """Return the inputs that `packed` wrote. Raises LookupError, TypeError or ValueError for others."""
    history, lot, counts = values.get("history"), values.get("lot"), values.get("counts")
    return AnswerInputs(
        now_us=int(values["now"]),
        provenance=Provenance(
            artifact=values.get("artifact", ""),
            increment=values.get("increment"),
            catalog=values.get("catalog"),
            rules=values.get("rules"),
            on_sale_us=int(values.get("on_sale", 0)),
            counts=None if counts is None else (str(counts[0]), int(counts[1])),
        ),
        placement_version=int(values["placement"]),
        fallback_reason=values.get("shopper"),
        history=None
        if history is None
        else HistoryRead(int(history[0]), str(history[1]), frozenset(values.get("segments", ()))),
        past_deadline=bool(values.get("late")),
        on_page=tuple(values.get("on_page", ())),
        arms=tuple((str(key), str(arm)) for key, arm in values.get("arms", ())),
        lot=None if lot is None else Lot(lot[0], lot[1], tuple(one == "1" for one in lot[2])),
    )
