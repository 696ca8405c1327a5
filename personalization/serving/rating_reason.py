"""The reason that says how many stars we think a shopper would give: "We think 4.6 of 5"."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from personalization.serving.answers import Reason
from recsys.arrays import Floats
from recsys.data.opinions import NEUTRAL_STARS
from recsys.data.profile import Profile
from recsys.ranking.predicted_ratings import FIVE_STAR_SPAN, RatingPredictor

CODE = "predicted_rating"


@dataclass(frozen=True)
class Starred:
    """The predictions for one shopper of one answer. `stars` is None where the shop has no ratings."""

    stars: RatingPredictor | None
    profile: Profile

    def reason(self, code: int) -> Reason | None:
        """Return the prediction in words where it speaks for the item: nearer to the top than to the usual rating.

        None where shop, shopper or item has no ratings.
        """
        if self.stars is None or self._taste is None:
            return None
        found = float(self.stars.predict_from_taste(self._taste, np.array([code], np.int64))[0])
        praise = max((self.stars.mean + self.stars.high) / 2, NEUTRAL_STARS)
        top = max(self.stars.high, FIVE_STAR_SPAN)  # of the scale: the best that was given yet may be far from it
        return Reason(CODE, f"We think {found:.1f} of {top:g}") if found >= praise else None

    @cached_property
    def _taste(self) -> Floats | None:
        return None if self.stars is None else self.stars.taste(self.profile)
