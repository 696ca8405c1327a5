"""Who has done nothing yet and of whom attributes are known: the prior answers, whatever rung was released. Pure.

The ranker and the blend learn from shoppers with a history; all they could give a newcomer is what is popular.
"""

from collections.abc import Mapping, Sequence

from personalization.recommenders.base import Context, Profile
from personalization.recommenders.prior import Prior
from personalization.recommenders.scoring import Scoring

PRIOR = Prior.name


def newcomers(sources: Mapping[str, Scoring], profiles: Sequence[Profile], contexts: Sequence[Context]) -> list[int]:
    """Return the rows of shoppers whom the prior knows by their attributes alone; none where a product is looked at."""
    prior = sources.get(PRIOR)
    if not isinstance(prior, Prior):
        return []
    return [
        row
        for row, (profile, context) in enumerate(zip(profiles, contexts, strict=True))
        if not len(profile.items) and not context.items and prior.knows_kind(profile)
    ]
