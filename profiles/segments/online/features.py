"""A shopper's traits as numbers for clustering, and the words for each number. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from profiles.segments.rules.evaluation import number_at

Rows = NDArray[np.float64]
"""One row for each shopper, one column for each feature; NaN where a value is missing."""
MOST_CATEGORIES: Final = 6
MIN_INTERACTIONS: Final = 3
"""Shoppers of fewer interactions are in no cluster: their traits are chance."""
SHARE: Final = "category:"
"""Begins the name of a feature that is the share of one category."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One number of a vector.

    `path` is a number of the traits, or `category:` and a category for its share. `high` and `low` describe shoppers
    with much or little of it. With `logarithmic`, log(1 + value) is compared, because such numbers have long tails.
    With `zero_if_missing`, a missing trait is 0; otherwise it is unknown.
    """

    path: str
    title: str
    high: str
    low: str
    logarithmic: bool = True
    zero_if_missing: bool = True


FEATURES: Final[tuple[Feature, ...]] = (
    Feature("recency_days", "days since last seen", "away for long", "seen lately", zero_if_missing=False),
    Feature("active_days", "days active", "here on many days", "here on few days"),
    Feature("action_counts.view", "products viewed", "views a lot", "views little"),
    Feature("action_counts.cart", "products put in the cart", "fills carts", "few carts"),
    Feature("rfm.frequency", "orders", "orders often", "orders rarely"),
    Feature("rfm.monetary", "money spent", "spends a lot", "spends little"),
    Feature("price_band.middle", "price looked at", "high prices", "low prices", zero_if_missing=False),
)
"""Without the shares of categories, which depend on the shop."""
NEEDED_TRAITS: Final = frozenset({one.path.split(".")[0] for one in FEATURES} | {"favorite_categories"})
"""Keys of the traits that vectors are made of."""


def features_for(samples: Iterable[Mapping[str, Any]]) -> tuple[Feature, ...]:
    """Return the features for a shop: those of all shops, and the shares of its most popular categories."""
    popular: Counter[str] = Counter()
    for traits in samples:
        popular.update(category_shares(traits).keys())
    names = sorted(popular, key=lambda name: (-popular[name], name))[:MOST_CATEGORIES]
    return (*FEATURES, *map(category_feature, names if len(names) > 1 else ()))


def category_feature(name: str) -> Feature:
    """Return the feature for the share of one category."""
    return Feature(f"{SHARE}{name}", f"share of {name}", f"likes {name}", f"no {name}", logarithmic=False)


def feature_of(path: str) -> Feature:
    """Return the feature of a stored path. Raises LookupError for an unknown one."""
    if path.startswith(SHARE):
        return category_feature(path.removeprefix(SHARE))
    return next(one for one in FEATURES if one.path == path)


def vector(traits: Mapping[str, Any], features: Sequence[Feature]) -> list[float]:
    """Return the numbers of one shopper, in the scale that is compared."""
    shares = category_shares(traits)
    numbers = []
    for one in features:
        if one.path.startswith(SHARE):
            numbers.append(shares.get(one.path.removeprefix(SHARE), 0.0))
            continue
        value = number_at(traits, one.path)
        if value is None:
            numbers.append(0.0 if one.zero_if_missing else float("nan"))
        else:
            numbers.append(float(np.log1p(max(0.0, value))) if one.logarithmic else value)
    return numbers


def plain_value(feature: Feature, number: float) -> float:
    """Return a number of a vector in the scale that people read."""
    return float(np.expm1(number)) if feature.logarithmic else number


def category_shares(traits: Mapping[str, Any]) -> dict[str, float]:
    """Return the share of each widest category among the favorites."""
    shares: dict[str, float] = {}
    for one in traits.get("favorite_categories") or ():
        name = str(one["name"]).split(" / ")[0]
        shares[name] = shares.get(name, 0.0) + float(one["share"])
    return shares
