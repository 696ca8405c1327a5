"""What SDKs are told of the live experiments: one document for all shoppers, with its version."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from django.db.models import Max

from consents.rules import strictest
from consents.selectors import rules, terms
from customers.shop_ids import subjects_with_ids
from experiments.design import LiveExperiments
from experiments.growthbook import PURPOSE, ConsentMode, features_of
from experiments.models import Step
from experiments.selectors.live import latest_experiments

CONTENT_FIELDS: Final = (
    *("key", "name", "status", "final_arm", "coverage", "condition", "namespace", "namespace_low", "namespace_high"),
    *("payload_kind", "arms", "test_units"),
)
"""Fields of an experiment that change what SDKs get."""
_NEVER: Final = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class FeaturesDocument:
    """The payload of GrowthBook's SDKs as bytes, its entity tag, and the version of all live experiments.

    `version` also changes with experiments that are left out of the payload, because the server alone decides them.
    """

    body: bytes
    etag: str
    version: str
    date_updated: str


def features_document() -> FeaturesDocument:
    """Return the document of this moment."""
    global _last
    live, consent, last = latest_experiments(), consent_mode(), _last
    if last is None or last[0] is not live or last[1] != consent:
        _last = last = live, consent, _document(live, consent)
    return last[2]


_last: tuple[LiveExperiments, ConsentMode, FeaturesDocument] | None = None


def consent_mode() -> ConsentMode:
    """Return what an SDK must know of a shopper before it may decide, in the strictest of the shop's regions."""
    purpose = terms().get(PURPOSE)
    if purpose is None:
        return "yes"
    if purpose.essential:
        return "nothing"
    return "yes" if purpose.by_consent and strictest(rules().values()).opt_in else "no_refusal"


def encoded(body: Any) -> bytes:
    """Return JSON as all wires write it: a float keeps its decimal point, and no number is too large."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def digest_of(content: bytes) -> str:
    """Return a short digest, for entity tags and versions."""
    return sha256(content).hexdigest()[:32]


def _document(live: LiveExperiments, consent: ConsentMode) -> FeaturesDocument:
    features = features_of(_with_shop_ids(live), consent)
    designs = [asdict(design) for design in live.by_key.values()]
    version = digest_of(json.dumps([consent, designs], default=sorted, sort_keys=True).encode())
    updated = _date_updated(encoded(features))
    body = encoded({"status": 200, "features": features, "dateUpdated": updated})
    return FeaturesDocument(body, f'"{digest_of(body)}"', version, updated)


def _with_shop_ids(live: LiveExperiments) -> LiveExperiments:
    """Return the designs with test units as SDKs know them: by ids of the shop."""
    ids = subjects_with_ids({unit for design in live.designs for unit in design.test_units})
    designs = (
        replace(one, test_units={ids[unit]: arm for unit, arm in one.test_units.items()}) if one.test_units else one
        for one in live.designs
    )
    return replace(live, designs=tuple(designs))


def _date_updated(content: bytes) -> str:
    """Return when the content changed: the second of the latest step. The fraction is a digest of the content.

    So two changes within a second differ, and one that is no step, such as another rule on consent, changes it too.
    """
    started = Step.objects.filter(experiment__started_at__isnull=False, after__has_any_keys=list(CONTENT_FIELDS))
    latest = started.aggregate(at=Max("at"))["at"] or _NEVER
    fraction = int.from_bytes(sha256(content).digest()[:4], "big") % 1_000_000
    return f"{latest.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{fraction:06d}Z"
