"""Why a shopper sees what they see: segments, lists with reasons, experiments, and models that learned from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from catalog.selectors import titles_of
from consents.selectors import proofs
from customers.selectors import Identity
from events.own_events import ShownList, TrainingUse, shown_lists, training_use
from events.training_counts import PURPOSE
from modelops.selectors.trained_versions import TrainedVersion, trained_versions
from personalization.reason_words import OF_SHOPPER, words_of
from personalization.selectors.placements import active_placements
from profiles.customer_profile import person_of_identity
from profiles.selectors.own_segments import OwnSegment, own_segments

MOST_LISTS: Final = 5
MOST_PRODUCTS: Final = 12
MOST_VERSIONS: Final = 3


@dataclass(frozen=True, slots=True)
class ExplainedList:
    """A list that was shown: where, when, and each product's title with the reason in words.

    `is_chosen` says that what the shopper did is the reason of a product; a personalized answer may have none. A reason
    that all products share is `shared_reason`, and not theirs.
    """

    placement: str
    at: datetime
    is_chosen: bool
    model_version: str
    shared_reason: str
    products: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ModelUse:
    """A model that answers or answered, and what of the shopper it could learn from."""

    model: TrainedVersion
    use: TrainingUse


def segments_of(identity: Identity) -> list[OwnSegment]:
    """Return the shopper's segments, each with why."""
    return own_segments(person_of_identity(identity))


def explained_lists(identity: Identity) -> list[ExplainedList]:
    """Return the lists that were shown last."""
    lists = shown_lists(identity, limit=MOST_LISTS)
    titles = titles_of({one.product_id for one_list in lists for one in one_list.products[:MOST_PRODUCTS]})
    names = {key: placement.name for key, placement in active_placements().items()} if lists else {}
    return [_explained(one_list, names.get(one_list.placement, one_list.placement), titles) for one_list in lists]


def _explained(one_list: ShownList, placement: str, titles: dict[str, str]) -> ExplainedList:
    products = one_list.products[:MOST_PRODUCTS]
    reasons = [words_of(one.reason, by_lot=one.by_lot) for one in products]
    shared_reason = reasons[0] if len(set(reasons)) == 1 < len(reasons) else ""
    return ExplainedList(
        placement,
        one_list.at,
        one_list.is_personalized and any(one.reason in OF_SHOPPER for one in products),
        one_list.model_version,
        shared_reason,
        tuple(
            (titles.get(one.product_id, one.product_id), "" if shared_reason else reason)
            for one, reason in zip(products, reasons, strict=True)
        ),
    )


def model_uses(identity: Identity) -> list[ModelUse]:
    """Return what the latest live versions could learn from the shopper."""
    refusals = [one.at for one in proofs(identity.raw_ids) if one.purpose == PURPOSE and not one.given]
    return [
        ModelUse(one, training_use(identity, until=one.trained_until, after=_last_before(one.trained_until, refusals)))
        for one in trained_versions(limit=MOST_VERSIONS)
    ]


def _last_before(until: datetime, times: Sequence[datetime]) -> datetime | None:
    return max((one for one in times if one <= until), default=None)
