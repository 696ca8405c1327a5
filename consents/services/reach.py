"""What a proof of identity reaches: one rule for the shopper's page, the API and the desk."""

from datetime import datetime

from common import privacy
from consents.models import IdentityMethod, Kind
from customers.selectors import identity_of

OF_DEVICES = (Kind.OBJECTION, Kind.RESTRICTION)
"""What a device may ask for itself also where it belongs to an account: it decides about its own consent alone."""


def reach_of(subject: str, *, proof: str, now: datetime, kind: str = "") -> privacy.Person | None:
    """Return the ids that a proof opens for a request of this kind; None where it opens nothing.

    A device proves itself alone. One that belongs to an account opens nothing: whoever holds it need not be the
    account's owner. Any other proof opens the whole person, with devices that were also somebody else's in the person's
    own time.
    """
    identity = identity_of(subject, now=now)
    if proof == IdentityMethod.DEVICE and identity.user_ids:
        return privacy.Person((subject,)) if kind in OF_DEVICES else None
    devices = [raw_id for raw_id in identity.raw_ids if raw_id not in identity.unshared]
    spans = {raw_id: identity.spans[raw_id.partition(":")[2]] for raw_id in devices}
    shared = {raw_id: tuple((span.since, span.until) for span in own) for raw_id, own in spans.items()}
    subjects = dict.fromkeys([subject, *identity.unshared])
    return privacy.Person(tuple(one for one in subjects if one not in shared), shared)
