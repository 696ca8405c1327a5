"""The reason that states the predicted rating: "We think 4.6 of 5"."""

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
class RatingReason:
    """Predicted ratings for the shopper of one answer. `stars` is None where the shop has no ratings."""

    stars: RatingPredictor | None
    profile: Profile

    def reason(self, code: int) -> Reason | None:
        """Return the predicted rating as a reason if it is closer to the top of the scale than to the mean rating.

        Returns None for a lower prediction, and where shop, shopper or item has no ratings.
        """
        if self.stars is None or self._taste is None:
            return None
        stars = float(self.stars.predict_from_taste(self._taste, np.array([code], np.int64))[0])
        praise = max((self.stars.mean + self.stars.high) / 2, NEUTRAL_STARS)
        top = max(self.stars.high, FIVE_STAR_SPAN)  # top of the scale: the best rating so far may be lower
        return Reason(CODE, f"We think {stars:.1f} of {top:g}") if stars >= praise else None

    @cached_property
    def _taste(self) -> Floats | None:
        return None if self.stars is None else self.stars.taste(self.profile)
