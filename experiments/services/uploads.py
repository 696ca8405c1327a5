"""Exposures that GrowthBook's SDKs upload: those of shoppers who may be experimented on go into the event log."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from access.identity import proves_user
from common.pseudonyms import subject_pseudonym
from consents.person import person_of
from consents.selectors import rule_of, states_of_people, terms
from consents.state import ConsentState
from consents.subjects import raw_ids
from events.intake.items import Envelope
from events.services.collect import Outcome, Sender, collect
from experiments.design import FALLBACK_ATTRIBUTE, HASH_ATTRIBUTE
from experiments.growthbook import CONSENT, PURPOSE
from experiments.models import Withheld
from experiments.selectors.live import latest_experiments
from experiments.selectors.subjects import consent_claim, id_text, may_experiment
from experiments.services.sticky import arm_keeper

EXPOSURES: Final = frozenset({"Experiment Viewed", "$$experiment_viewed"})
IGNORED: Final = frozenset({"Feature Evaluated", "$$feature_evaluated"})
"""SDKs report each look at a flag: that says nothing about what a shopper saw."""
EXPOSURE: Final = "Experiment Viewed"


@dataclass(frozen=True, slots=True)
class _Upload:
    """One event, as our own API takes it, with the ids that are proven and what the page says of consent."""

    item: Mapping[str, Any]
    raw_ids: tuple[str, ...]
    claim: bool | None

    @property
    def is_exposure(self) -> bool:
        return bool(self.item["event"] == EXPOSURE)

    @property
    def names_somebody(self) -> bool:
        return bool(self.item["userId"] or self.item["anonymousId"])

    @property
    def arm(self) -> tuple[str, str]:
        """Experiment and arm, as the SDK named them."""
        properties = self.item["properties"]
        return str(properties["experiment_id"]), str(properties["variation_id"])


def take_uploads(events: Sequence[Any], *, sender: Sender, envelope: Envelope) -> Outcome:
    """Log uploaded events; return once the log holds them.

    Exposures of shoppers who did not consent, or did not decide yet, are dropped and counted by day and arm, without
    ids. Raises as `events.services.collect`: InvalidInput where no event is valid.
    """
    items = [_segment_item(event) for event in events]
    uploads = [_upload(item, sender) for item in items if isinstance(item, dict)]
    states = states_of_people(raw_id for one in uploads for raw_id in one.raw_ids)
    withheld = [one for one in uploads if one.is_exposure and one.names_somebody and not _may(one, states, sender)]
    dropped = {id(one) for one in withheld}
    items_to_log: list[Any] = [one.item for one in uploads if id(one) not in dropped]
    items_to_log += [item for item in items if item is not None and not isinstance(item, dict)]
    outcome = collect(items_to_log, sender=sender, envelope=envelope, prefix="") if items_to_log else Outcome(0, 0, ())
    _count(one.arm for one in withheld)
    return outcome


def _segment_item(event: Any) -> Any:
    """Return an event as our own API takes it, None for one that is ignored; what is no event stays as it is."""
    if not isinstance(event, dict) or not isinstance(event.get("event_name"), str):
        return event if not isinstance(event, dict) else [event]
    name, properties = event["event_name"], _mapping(event.get("properties_json"))
    if name in IGNORED:
        return None
    context = _mapping(event.get("context_json"))
    user, device = _ids(event, properties)
    choices = {key: value for key, value in _mapping(context.get(CONSENT)).items() if isinstance(value, bool)}
    exposure = {"experiment_id": _first(properties, "experimentId", "experiment_id"), "variation_id": _arm(properties)}
    return {
        "type": "track",
        "event": EXPOSURE if name in EXPOSURES else name,
        "userId": user or None,
        "anonymousId": device or None,
        "properties": exposure if name in EXPOSURES else properties,
        "context": {
            "page": {"url": event["url"]} if isinstance(event.get("url"), str) and event["url"] else {},
            **({"consent": {"categoryPreferences": choices}} if choices else {}),
            **({"user_hash": context["user_hash"]} if isinstance(context.get("user_hash"), str) else {}),
        },
    }


def _ids(event: Mapping[str, Any], properties: Mapping[str, Any]) -> tuple[str, str]:
    """Return user and device: SDKs name the device, and beside it what was hashed, which may be the user."""
    user, device = id_text(event.get("user_id")), id_text(event.get("device_id"))
    attribute = _first(properties, "hashAttribute", "hash_attribute")
    value = id_text(_first(properties, "hashValue", "hash_value"))
    if attribute == HASH_ATTRIBUTE and value != device:
        user = user or value
    elif attribute == FALLBACK_ATTRIBUTE:
        device = device or value
    return user, device


def _arm(properties: Mapping[str, Any]) -> str:
    value = _first(properties, "variation_key", "variationId", "variation_id")
    return "" if value is None else str(value)


def _first(values: Mapping[str, Any], *names: str) -> Any:
    return next((values[name] for name in names if values.get(name) is not None), None)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _upload(item: dict[str, Any], sender: Sender) -> _Upload:
    context, user = item["context"], item["userId"]
    key, proof = sender.key, context.get("user_hash")
    is_proven = user is not None and (key is None or proves_user(key, user_id=user, user_hash=proof))
    claim = consent_claim({CONSENT: _mapping(context.get("consent")).get("categoryPreferences")})
    names = raw_ids(user if is_proven else None, item["anonymousId"])
    return _Upload(item, tuple(map(subject_pseudonym, names)), claim)


def _may(upload: _Upload, states: Mapping[str, ConsentState], sender: Sender) -> bool:
    person = person_of(upload.raw_ids, states)
    rule = rule_of(sender.region or person.region)
    verdict = person.verdict(terms().get(PURPOSE), rule=rule, gpc=sender.gpc)
    return may_experiment(verdict, claim=upload.claim)


def _count(exposures: Iterable[tuple[str, str]]) -> None:
    """Count dropped exposures by experiment and arm. Those that no live experiment knows are dropped alone."""
    designs = latest_experiments().by_key
    for key, arm in exposures:
        if key in designs and arm in designs[key].arm_indexes:
            arm_keeper.count(key, arm, Withheld.Reason.UNDECIDED.value)
