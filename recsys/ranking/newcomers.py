"""Who has done nothing yet: the prior answers those of whom attributes are known, popularity the others. Pure.

The ranker learns from shoppers with a history and has never seen one without. Of a small shop (150 shoppers, 120
products) it gave them products of any rank, NDCG@10 .059 where popularity found .135; where it had plenty to learn from
it was as good as popularity (.168 both). Other stages are left alone: what they know of nobody is what is popular.
"""

from collections.abc import Mapping, Sequence

from recsys.data.profile import Context, Profile
from recsys.sources.popular import Popular
from recsys.sources.prior import Prior
from recsys.sources.scoring import Scoring

PRIOR = Prior.name


def newcomers(
    sources: Mapping[str, Scoring], profiles: Sequence[Profile], contexts: Sequence[Context], *, stage: str
) -> dict[str, list[int]]:
    """Return the rows of shoppers whom a source knows better than the stage, by its name; none where a product is
    looked at."""
    prior, rows_by_source = sources.get(PRIOR), dict[str, list[int]]()
    for row, (profile, context) in enumerate(zip(profiles, contexts, strict=True)):
        if len(profile.items) or context.items:
            continue
        if isinstance(prior, Prior) and prior.knows_kind(profile):
            rows_by_source.setdefault(PRIOR, []).append(row)
        elif stage == "ranker" and Popular.name in sources:
            rows_by_source.setdefault(Popular.name, []).append(row)
    return rows_by_source
