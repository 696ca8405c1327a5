"""Reasons: why an item is shown, in a sentence for the shopper."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from personalization.selectors.placements import OWN_PRODUCTS
from personalization.serving.answers import Reason
from personalization.serving.likeness import is_alike
from personalization.serving.rating_reason import RatingReason
from personalization.serving.serving_catalog import ServingCatalog
from personalization.serving.shoppers import Shopper
from recsys.arrays import Times
from recsys.data.profile import Context, Profile
from recsys.ranking.onboarding import ONBOARDING
from recsys.sources.base import Recommender
from recsys.sources.registry import RECOMMENDERS
from recsys.sources.substitutes import Substitutes

SIMILAR = ("similar", "Similar to {title}")
SEEN_TOGETHER = ("viewed_together", "Often looked at with {title}")
ABOUT_CONTEXT = {
    "bought_together": ("bought_together", "Often bought together with {title}"),
    "completes_cart": ("completes_cart", "Goes well with {title}"),
    "alike": SIMILAR,
    "seen_together": SEEN_TOGETHER,
}
"""The reason that names a product of the page or cart, by what the source declares; the first that applies is given."""
BECAUSE = {
    "purchase": ("because_bought", "Because you bought {title}"),
    "cart": ("because_carted", "Because you put {title} in your cart"),
    "checkout": ("because_carted", "Because you put {title} in your cart"),
    "like": ("because_liked", "Because you like {title}"),
    "wishlist": ("because_liked", "Because you like {title}"),
    "rating": ("because_liked", "Because you rated {title}"),
}
VIEWED = ("because_viewed", "Because you viewed {title}")
OF_OWN = {
    "cart": ("because_carted", "You put this in your cart"),
    "checkout": ("because_carted", "You put this in your cart"),
    "like": ("because_liked", "You like this"),
    "wishlist": ("because_liked", "You like this"),
    "rating": ("because_liked", "You rated this"),
}
"""Reasons for an item of the shopper's own history, by its latest signal."""
LOOKED_AT = ("because_viewed", "You looked at this lately")
BOUGHT_BEFORE = ("buy_again", "You bought this before")
PLAIN = {
    "predicted_rating": Reason("predicted_rating", "We think you will like this"),
    "trending": Reason("trending", "Trending now"),
    "popular": Reason("popular", "Popular in our shop"),
    "new": Reason("new", "New in our shop"),
    ONBOARDING: Reason(ONBOARDING, "Do you like this?"),
    "in_segment": Reason("in_segment", "Popular with shoppers like you"),
}
FROM_THE_RANGE = Reason("exploration", "From our range")
PINNED = Reason("pinned", "Our pick")
_WORDS = (*ABOUT_CONTEXT.values(), *BECAUSE.values(), VIEWED, *OF_OWN.values(), LOOKED_AT, BOUGHT_BEFORE)
CODES = sorted({*(code for code, *_ in _WORDS), *(one.code for one in (*PLAIN.values(), FROM_THE_RANGE, PINNED))})
"""All codes of reasons."""
CONTEXT_SOURCES = {
    name: words
    for reason, words in ABOUT_CONTEXT.items()
    for name, kind in RECOMMENDERS.items()
    if kind.reason == reason
}
PERSONAL_SOURCES = tuple(
    name for name, kind in RECOMMENDERS.items() if kind.personal and kind.reason in ("alike", "seen_together")
)
"""Sources that name a product of the shopper; the registry's order says which one gives the reason."""
PLAIN_SOURCES = {name: kind.plain_reason for name, kind in RECOMMENDERS.items() if kind.plain_reason}
"""The plain reason of sources that may name none."""


@dataclass(frozen=True)
class Reasoner:
    """Finds the reason of each item of one answer."""

    serving_catalog: ServingCatalog
    shopper: Shopper
    sources: Mapping[str, Recommender]
    context: Context
    rating_reason: RatingReason | None = None
    """Predicted ratings; None without a model."""
    repurchase_seconds: Times | None = None
    """The usual time between two purchases of each item, inf where people do not buy it again; None means for all."""
    of_history: Collection[str] = ()
    """Sources that were asked for the history although there are context items."""

    def reason(self, code: int, proposers: Iterable[str], *, kin: int | None = None) -> Reason:
        """Return the reason of an item, given the sources that proposed it; `kin` is the product with similar text."""
        by = set(proposers)
        if ONBOARDING in by:
            return PLAIN[ONBOARDING]
        return (
            (self._about_context(code, by, kin) if self.context.items else None)
            or (self._about_history(code, by, kin) if self.shopper.personal else None)
            or self._common(by)
        )

    def because(self, code: int) -> Reason:
        """Return the reason that has this item of the shopper's history as cause."""
        signal = self.shopper.latest.get(code, "view")
        return self._with_title(*BECAUSE.get(signal, VIEWED), code)

    def own(self, code: int) -> Reason:
        """Return the reason for an item of the shopper's own history."""
        if self._is_repurchased(code) and code in self.shopper.bought:
            return Reason(*BOUGHT_BEFORE, (self.serving_catalog.columns.product_ids[code],))
        kind, text = OF_OWN.get(self.shopper.latest.get(code, "view"), LOOKED_AT)
        return Reason(kind, text, (self.serving_catalog.columns.product_ids[code],))

    def _is_repurchased(self, code: int) -> bool:
        return self.repurchase_seconds is not None and bool(np.isfinite(self.repurchase_seconds[code]))

    def _about_context(self, code: int, by: set[str], kin: int | None) -> Reason | None:
        for name, words in CONTEXT_SOURCES.items():
            source = self.sources.get(name)
            if name not in by or name in self.of_history or source is None:
                continue
            if not source.contextual or not source.knows(code):
                continue
            for cause in source.explain(Profile.empty(self.shopper.profile.now), self.context, code):
                if cause in self.context.items and (words != SIMILAR or self._are_alike(code, cause)):
                    return self._with_title(*words, cause)
        if kin in self.context.items and self._are_alike(code, kin):
            return self._with_title(*SIMILAR, kin)
        return None

    def _are_alike(self, code: int, cause: int) -> bool:
        """Return whether a reason may say so: by category and texts, or since visits look at one instead of the other.

        `content` proposes a lamp and a mattress of one series: words they share, and nobody would call them similar.
        """
        if is_alike(self.serving_catalog, code, cause):
            return True
        source, context = self.sources.get(Substitutes.name), Context(items=(cause,))
        empty = Profile.empty(self.shopper.profile.now)
        return source is not None and bool(source.score(empty, context, np.array([code], np.int32))[0] > 0)

    def _about_history(self, code: int, by: set[str], kin: int | None) -> Reason | None:
        latest = self.shopper.latest
        if code in latest and not by.isdisjoint(OWN_PRODUCTS):
            return self.own(code)
        if code not in latest and self.rating_reason and (praise := self.rating_reason.reason(code)):
            return praise
        for name in PERSONAL_SOURCES:
            source = self.sources.get(name)
            if name not in by or source is None or not source.knows(code):
                continue
            causes = source.explain(self.shopper.profile, Context(), code)
            cause = next((one for one in causes if one in latest and one != code), None)
            if cause is not None:
                return self.because(cause)
        if code in latest:
            return self.own(code)
        if kin in latest:
            return self.because(kin)
        guesses = {name for name, reason in PLAIN_SOURCES.items() if reason == "predicted_rating"}
        return PLAIN["predicted_rating"] if not by.isdisjoint(guesses) else None

    def _common(self, by: set[str]) -> Reason:
        plain = (reason for name, reason in PLAIN_SOURCES.items() if name in by and reason != "predicted_rating")
        return next((PLAIN[reason] for reason in plain), FROM_THE_RANGE)

    def _with_title(self, kind: str, text: str, cause: int) -> Reason:
        return Reason(
            kind,
            text.format(title=self.serving_catalog.title(cause)),
            (self.serving_catalog.columns.product_ids[cause],),
        )
