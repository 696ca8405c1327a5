"""Why an item is where it is, as three bars: the shopper's own history, what others did, popularity and age."""

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from personalization.selectors.placements import OWN_PRODUCTS
from personalization.serving.answers import Item
from recsys.ranking.affinity import AFFINITY_FEATURES
from recsys.ranking.features import AGE_FEATURES, CONTEXT_FEATURES
from recsys.ranking.history import OWN_FEATURES, SHOPPER_FEATURES
from recsys.ranking.item_statistics import COLUMNS
from recsys.ranking.taste import TASTE_FEATURES
from recsys.ranking.visit import VISIT_FEATURES
from recsys.sources.registry import RECOMMENDERS

Group = Literal["own", "others", "popular"]
TITLES: Final[dict[Group, str]] = {
    "own": "Own history and taste",
    "others": "What others did with it",
    "popular": "Popular or new",
}
OF_SHOPPER: Final = frozenset(
    (*OWN_FEATURES, *SHOPPER_FEATURES, *AFFINITY_FEATURES, *TASTE_FEATURES, *VISIT_FEATURES, *CONTEXT_FEATURES)
)
OF_PRODUCT: Final = frozenset((*COLUMNS, *AGE_FEATURES))
POPULAR_SOURCES: Final = frozenset(("popular", "trending", "new_arrivals", "catalog_order", "random", "prior"))
TASTE_SOURCES: Final = frozenset((*OWN_PRODUCTS, "content", "sentences"))
ENDS: Final = ("_score", "_rank", "_of_top", "_after")
"""What a feature adds to the name of its source."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One of the three bars; `percent` of all three together, 0 to 100."""

    title: str
    percent: int


@dataclass(frozen=True, slots=True)
class Why:
    """One sentence, and three bars; no bars where only a rule or the order of the catalog put the item there."""

    sentence: str
    bars: tuple[Bar, ...] = ()


def why(item: Item) -> Why:
    """Return why an explained item has its place."""
    explanation = item.explanation
    if explanation is None:
        return Why("")
    sums: defaultdict[Group, float] = defaultdict(float)
    parts = {name: share for name, share in explanation.contributions.items() if share > 0}
    for name, share in (parts or dict.fromkeys(explanation.sources, 1.0)).items():
        sums[group_of(name)] += share
    total = sum(sums.values())
    by_rules = f" Moved by: {'; '.join(explanation.rules)}." if explanation.rules else ""
    if not total:
        return Why(by_rules.strip() or "Nothing proposed it for this shopper: it fills the list.")
    bars = tuple(Bar(title, round(100 * sums[group] / total)) for group, title in TITLES.items())
    strongest = max(bars, key=lambda bar: bar.percent)
    return Why(f"{strongest.title}: {strongest.percent} % of what put it here.{by_rules}", bars)


@cache
def group_of(name: str) -> Group:
    """Return the bar of a recommender, or of a feature of the ranker."""
    source = next((name.removesuffix(end) for end in ENDS if name.removesuffix(end) in RECOMMENDERS), name)
    if source in TASTE_SOURCES or name in OF_SHOPPER:
        return "own"
    if source in POPULAR_SOURCES or name in OF_PRODUCT:
        return "popular"
    return "others"
