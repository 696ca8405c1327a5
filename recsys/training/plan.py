"""What validation decided: everything needed to fit the released model again on more data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from recsys.sources.registry import RECOMMENDERS, make
from recsys.sources.scoring import Scoring

OPTIONAL = ("sentences", "sequence_net", "spark_als", "svd")
"""Sources that a shop names (`EXTRA_SOURCES`) to have them trained and ranked with the others.

Most belong to optional extras. SVD takes a third of all fitting time and, alone, finds the least of the factor models.
"""
UNRANKED = frozenset(
    {
        *("random", "catalog_order", "recent", "bought_together", "complements", "prior"),
        *OPTIONAL,
    }
)
"""Sources that propose nothing to the ranker unless they are named."""


@dataclass(frozen=True)
class Plan:
    """Settings per source, quotas, blend weights, the ranker's settings, and the rung of the ladder that was earned.

    `features` are the names the ranker keeps, `rankers` the settings and number of trees, or steps, of each model that
    it is the mean of; `single` is the best source alone; `exposure` is how strongly over-exposed items are held back;
    `cold_lift` what the ranker's scores of untouched products gain; `cold_share` the share of the first ten places that
    these had then, and may have at most by it; `cold_least` the share that they have in any case.
    """

    configs: Mapping[str, Mapping[str, Any]]
    quotas: Mapping[str, int]
    blend: Mapping[str, float]
    single: str
    rung: str
    features: tuple[str, ...]
    rankers: Sequence[tuple[Mapping[str, Any], int]] = ()
    new_only: bool = False
    seed: int = 7
    exposure: float = 0.0
    cold_lift: float = 0.0
    cold_share: float = 1.0
    cold_least: float = 0.0

    def json(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        return {**asdict(self), "configs": {name: dict(own) for name, own in self.configs.items()}}

    def sources(self) -> dict[str, Scoring]:
        """Return the ranked sources, fresh."""
        return fresh(self.quotas, self.configs)


def ranked_sources(extra: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of the sources that propose candidates, in the order of their names.

    `extra` are those of `OPTIONAL` that are wished for. Raises ValueError for another one, and for one whose packages
    are not installed.
    """
    for name in extra:
        if name not in OPTIONAL:
            raise ValueError(f"{name} is no optional source: {', '.join(OPTIONAL)}")
        if not RECOMMENDERS[name].installed():
            raise ValueError(f"{name} needs packages that are not installed: {', '.join(RECOMMENDERS[name].needs)}")
    return tuple(sorted({*RECOMMENDERS, *extra} - (UNRANKED - set(extra))))


def unranked_sources() -> tuple[str, ...]:
    """Return the names of those of `UNRANKED` that placements may ask for all the same: they need no optional extra."""
    return tuple(name for name in sorted(UNRANKED) if not RECOMMENDERS[name].needs)


def fresh(names: Iterable[str], configs: Mapping[str, Mapping[str, Any]]) -> dict[str, Scoring]:
    """Return fresh sources of those names, with their settings where there are any."""
    return {name: make(name, **configs.get(name, {})) for name in sorted(names)}
