"""Which word tells how an answer fell short."""

from personalization.serving.answers import Degraded
from personalization.serving.shoppers import Shopper
from personalization.serving.snapshot import Snapshot


def degraded(snapshot: Snapshot, shopper: Shopper, *, hurried: bool = False) -> Degraded | None:
    """Return the gravest: no time, no store, no consent, no model, no profile; None where nothing is missing."""
    if hurried:
        return "deadline"
    if shopper.degraded in ("store_down", "no_consent"):
        return shopper.degraded
    return "no_model" if snapshot.bundle is None else shopper.degraded
