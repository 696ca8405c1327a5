"""Why an answer is not the full one."""

from personalization.serving.answers import FallbackReason
from personalization.serving.shoppers import Shopper
from personalization.serving.snapshot import Snapshot

ANONYMIZED_REASONS = frozenset({"no_consent", "store_down"})
"""Fallback reasons for which an exposure names no shopper: no consent, or consent could not be read."""


def fallback_reason(snapshot: Snapshot, shopper: Shopper, *, past_deadline: bool = False) -> FallbackReason | None:
    """Return the gravest reason: deadline, store, consent, model, profile, in this order; None for a full answer."""
    if past_deadline:
        return "deadline"
    if shopper.fallback_reason in ("store_down", "no_consent"):
        return shopper.fallback_reason
    return "no_model" if snapshot.bundle is None else shopper.fallback_reason
