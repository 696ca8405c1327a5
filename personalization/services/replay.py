"""Replay: a past answer is computed again from what its exposure kept, and compared item by item.

The stored list is only compared, never read to compute. Where an input is gone, the replay says which.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any, Final, Literal

import numpy as np

from common.errors import DomainError
from events.past_answers import Erased, PastAnswer, past_answer
from personalization.selectors.placements import Filters
from personalization.services.past_snapshots import MissingInput, PastSnapshots, past_trial
from personalization.serving.answer_inputs import AnswerInputs, seal, unpacked
from personalization.serving.answers import Answer, FallbackReason
from personalization.serving.asking import Ask, Who
from personalization.serving.engine import finish, prepare_answer
from personalization.serving.exposures import line_of
from personalization.serving.shoppers import Shopper, nobody, shopper_of_person
from personalization.serving.snapshot import Snapshot
from profiles.past import person_at

Verdict = Literal["identical", "different", "unproven", "not_recomputed", "erased"]
Line = Mapping[str, Any]
"""One product of a list, as exposures keep it."""
HEAD: Final = ("strategy", "model_version", "personalized", "degraded", "rules")
"""What an exposure says of the whole answer."""
ALTERED: Final = {
    "inputs": "The inputs were altered after the answer: their seal does not fit.",
    "products": "The stored list was altered after the answer: its seal does not fit.",
}
OTHER_CODE: Final = "All inputs are as they were read: another release or other settings of Vitrine answered."
NO_INPUTS: Final = "the inputs: this answer was recorded without them, as by REPLAY_DAYS=0 or an earlier release"
WITHHELD: Final = "the request: without consent to personalization, the products that the page sent along are not kept"
OTHER_HISTORY: Final = (
    "The shopper's history cannot be rebuilt as it was read: events were erased, or are not recorded yet."
)


@dataclass(frozen=True, slots=True)
class Replay:
    """A past answer and its repetition.

    `identical`: every input was found as it was, and both lists are the same. `unproven`: the lists are the same, but
    `doubts` says which input could not be checked. `not_recomputed`: `missing_inputs` says why. `difference` is the
    first one, in words, and `cause` what explains it.
    """

    recommendation_id: str
    verdict: Verdict
    placement: str = ""
    at: int = 0
    stored: tuple[Line, ...] = ()
    recomputed: tuple[Line, ...] = ()
    difference: str = ""
    cause: str = ""
    missing_inputs: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Replayer:
    """Replays answers. Answers of one time share models and snapshots."""

    snapshots: PastSnapshots = field(default_factory=PastSnapshots)

    def replay(self, recommendation_id: str) -> Replay:
        """Return the replay of an answer. Raises NotFound for an unknown one."""
        try:
            return self.replay_of(past_answer(recommendation_id))
        except Erased as error:
            return Replay(recommendation_id, "erased", missing_inputs=(error.detail,))

    def replay_of(self, past: PastAnswer) -> Replay:
        """Return the replay of a recorded answer."""
        properties = past.properties
        result = Replay(
            past.recommendation_id,
            "not_recomputed",
            placement=str(properties.get("placement")),
            at=past.at,
            stored=tuple(properties.get("products", ())),
            inputs=properties.get("inputs", {}),
        )
        if "inputs" not in properties:
            return replace(result, missing_inputs=(NO_INPUTS,))
        try:
            answer, doubts = self._answer(past)
        except MissingInput as error:
            return replace(result, missing_inputs=(str(error),))
        except (LookupError, TypeError, ValueError, DomainError) as error:
            return replace(result, missing_inputs=(f"readable inputs: {error}",), doubts=_altered(properties))
        return _compared(result, properties, answer, (*_altered(properties), *doubts))

    def _answer(self, past: PastAnswer) -> tuple[Answer, tuple[str, ...]]:
        """Return the answer, computed again, and what could not be checked. Raises MissingInput."""
        properties, inputs = past.properties, unpacked(past.properties["inputs"])
        if properties["inputs"].get("request", {}).get("withheld"):
            raise MissingInput(WITHHELD)
        placement = properties["placement"]
        snapshot = self.snapshots.of(inputs, model_version=properties["model_version"], placement=placement)
        shopper, doubts = _shopper(past, inputs, snapshot)
        ask, codes = _ask(past), snapshot.serving_catalog.codes
        prepared = prepare_answer(
            snapshot,
            ask,
            shopper=shopper,
            items_on_page=np.array([codes[one] for one in inputs.on_page], np.int32) if inputs.on_page else None,
            time_left_ms=-1.0 if inputs.past_deadline else None,
            now_us=inputs.now_us,
            trial=past_trial(inputs.arms),
        )
        return finish(snapshot, ask, prepared, lot=inputs.lot), doubts


def _shopper(past: PastAnswer, inputs: AnswerInputs, snapshot: Snapshot) -> tuple[Shopper, tuple[str, ...]]:
    """Return the shopper as of then, and whether the history is doubtful."""
    now, reason = inputs.now_us / 1e6, _reason(inputs.fallback_reason)
    if inputs.history is None:
        return nobody(now, reason), ()
    if past.user_id is None and past.anonymous_id is None:
        raise MissingInput("the shopper: this answer was recorded without a name")
    read = inputs.history
    person = person_at(user_id=past.user_id, anonymous_id=past.anonymous_id, offset=read.offset, now_us=inputs.now_us)
    person = replace(person, segments=dict.fromkeys(sorted(read.segments), 0))
    shopper = shopper_of_person(person, snapshot=snapshot, now=now, offset=read.offset) or nobody(now, "no_profile")
    is_same = shopper.history is not None and shopper.history.digest == read.digest
    return shopper, () if is_same else (OTHER_HISTORY,)


def _reason(value: str | None) -> FallbackReason | None:
    reasons: dict[str, FallbackReason] = {
        one: one for one in ("no_model", "no_profile", "no_consent", "store_down", "deadline")
    }
    return None if value is None else reasons[value]


def _ask(past: PastAnswer) -> Ask:
    properties, who = past.properties, Who(past.user_id, past.anonymous_id)
    request = properties["inputs"].get("request", {})
    return Ask(
        placement=properties["placement"],
        who=who,
        personalized=who.has_id,
        product_ids=tuple(properties.get("context", ())),
        limit=request.get("limit"),
        exclude=tuple(request.get("exclude", ())),
        filters=Filters.of(request.get("filters", {})),
        strategy=request.get("strategy"),
        earlier_items=tuple(request.get("earlier", ())),
    )


def _altered(properties: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a sentence for each sealed part that is no longer what was sealed."""
    seals = properties.get("seals", {})
    return tuple(text for name, text in ALTERED.items() if seals.get(name) != seal(properties.get(name)))


def _compared(result: Replay, properties: Mapping[str, Any], answer: Answer, doubts: tuple[str, ...]) -> Replay:
    recomputed = tuple(line_of(item, answer.propensities) for item in answer.items)
    head = {name: getattr(answer, name) for name in HEAD} | {"rules": list(answer.rules)}
    difference = _first_difference(result.stored, recomputed) or _difference_of_heads(properties, head)
    verdict: Verdict = "different" if difference else "unproven" if doubts else "identical"
    cause = "" if not difference else doubts[0] if doubts else OTHER_CODE
    return replace(result, verdict=verdict, recomputed=recomputed, difference=difference, cause=cause, doubts=doubts)


def _first_difference(stored: Sequence[Line], recomputed: Sequence[Line]) -> str:
    """Return the first difference of two lists in words; "" for equal ones."""
    for place, (one, other) in enumerate(zip_longest(stored, recomputed), 1):
        if one == other:
            continue
        if one is None or other is None:
            return f"Place {place}: {_product(one)} was shown; recomputed: {_product(other)}."
        if one.get("product_id") != other.get("product_id"):
            return f"Place {place}: {_product(one)} was shown; recomputed: {_product(other)}."
        name = next(name for name in {**one, **other} if one.get(name) != other.get(name))
        return f"Place {place}, {_product(one)}: the {name} was {one.get(name)}; recomputed: {other.get(name)}."
    return ""


def _product(line: Line | None) -> str:
    return "no product" if line is None else str(line.get("product_id"))


def _difference_of_heads(properties: Mapping[str, Any], head: Mapping[str, Any]) -> str:
    names = (name for name in HEAD if properties.get(name) != head[name])
    name = next(names, None)
    if name is None:
        return ""
    return f"The lists are the same; the {name} was {properties.get(name)}; recomputed: {head[name]}."
