"""What training decided: all that is needed to fit the same model again on other data."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from recsys.ranking.features import feature_names
from recsys.sources.registry import RECOMMENDERS, make
from recsys.sources.scoring import Scoring

OPTIONAL = tuple(sorted(name for name, kind in RECOMMENDERS.items() if kind.use == "optional"))
"""Sources that a shop names (`EXTRA_SOURCES`) to have them trained and ranked with the others."""

Member = tuple[Mapping[str, Any], int]
"""Settings of one model of the ranker, and its number of trees or steps."""


@dataclass(frozen=True)
class Plan:
    """Settings per source, candidates per source, blend weights, the ranker's members and the stage that was earned.

    `members` are the models whose mean the ranker is; `single` is the best source alone; `stage` is one of "popular",
    "single", "blend", "ranker"; `new_only` says that only items new to the shopper are recommended; `exposure` is the
    strength of the exposure constraint, 0 to 1.
    """

    configs: Mapping[str, Mapping[str, Any]]
    quotas: Mapping[str, int]
    blend: Mapping[str, float]
    single: str
    stage: str
    members: Sequence[Member] = ()
    new_only: bool = False
    seed: int = 7
    exposure: float = 0.0

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the ranker's features, in order."""
        return feature_names(tuple(sorted(self.quotas)))

    def json(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        return {**asdict(self), "configs": {name: dict(own) for name, own in self.configs.items()}}

    def sources(self) -> dict[str, Scoring]:
        """Return the ranked sources, not fitted yet."""
        return make_sources(self.quotas, self.configs)


def plan_of(manifest: Mapping[str, Any]) -> Plan:
    """Return the plan that a saved model was made by. Raises ValueError, in words, where it cannot be followed here."""
    values = manifest.get("plan", {})
    if values.keys() != {field.name for field in fields(Plan)}:
        raise ValueError("its plan has other parts")
    plan = Plan(**values)
    missing = {name for name in (*plan.quotas, *plan.configs) if not _known(name, plan.configs.get(name, {}))}
    if missing:
        raise ValueError(f"recommenders, or settings of them, that are not here: {', '.join(sorted(missing))}")
    return plan


def _known(name: str, config: Mapping[str, Any]) -> bool:
    """Return whether there is such a source, installed and with such settings."""
    kind = RECOMMENDERS.get(name)
    return kind is not None and kind.installed() and set(config) <= {field.name for field in fields(kind.config_class)}


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
    return tuple(sorted(name for name, kind in RECOMMENDERS.items() if kind.use == "ranked" or name in extra))


def unranked_sources() -> tuple[str, ...]:
    """Return the sources that only placements ask for: those that no optional package is needed for."""
    return tuple(sorted(name for name, kind in RECOMMENDERS.items() if kind.use != "ranked" and not kind.needs))


def make_sources(names: Iterable[str], configs: Mapping[str, Mapping[str, Any]]) -> dict[str, Scoring]:
    """Return sources of those names, not fitted yet, with their settings where there are any."""
    return {name: make(name, **configs.get(name, {})) for name in sorted(names)}
