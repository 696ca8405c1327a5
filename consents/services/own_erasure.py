"""A shopper erases their own data: a privacy request that is proven already, and begun at once."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal
from uuid import UUID

from consents.models import IdentityMethod, Kind, PrivacyRequest, Regime
from consents.services.fulfilment import fulfil
from consents.services.requests import open_request

ACTOR: Final = "shopper"
Proof = Literal["login", "device", "link"]


@dataclass(frozen=True, slots=True)
class OwnErasure:
    """How far an erasure is. `receipt` is there once it is closed; it names nobody."""

    short_id: str
    received_at: datetime
    due_on: date
    closed_at: datetime | None
    has_data: bool
    receipt: dict[str, Any] | None


def erase_own_data(subject: str, *, proof: Proof, region: str | None) -> UUID:
    """Open an erasure with the proof of the shopper's page, and begin it; return the request's id.

    Later events of all the shopper's ids are refused from now on. Raises redis errors; a worker then begins all the
    same.
    """
    regime = Regime.CCPA if (region or "").startswith("US") else Regime.GDPR
    row = open_request(subject, kind=Kind.ERASURE, regime=regime, actor=ACTOR, proof=IdentityMethod(proof))
    fulfil(row.pk, actor=ACTOR)
    return UUID(str(row.pk))


def own_erasure(request_id: str) -> OwnErasure | None:
    """Return how far the erasure is, None where its record is gone."""
    row = PrivacyRequest.objects.filter(pk=request_id, kind=Kind.ERASURE).first()
    if row is None:
        return None
    has_data = row.status != "no_data"
    return OwnErasure(row.short_id, row.received_at, row.due_on, row.closed_at, has_data, row.receipt)
