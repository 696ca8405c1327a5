"""All segments of a shop as one evaluation: which ones a shopper is in, and when to look again. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np

from profiles.segments.online.clustering import Clustering
from profiles.segments.online.features import MIN_INTERACTIONS, NEEDED_TRAITS, vector
from profiles.segments.rules.conditions import Node, reads_catalog, traits_of
from profiles.segments.rules.evaluation import ShopperState, earliest, evaluate

CATALOG_TRAITS: Final = frozenset({"favorite_categories", "favorite_brands", "price_band", "discount_affinity"})
"""Traits whose value needs products."""


@dataclass(frozen=True, slots=True)
class RuleSegment:
    """One rule segment."""

    key: str
    name: str
    version: int
    rule: Node


@dataclass(frozen=True, slots=True)
class ClusterSegment:
    """One cluster as a segment; `cluster` is its number in the clustering."""

    key: str
    name: str
    version: int
    cluster: int


@dataclass(frozen=True)
class SegmentSet:
    """The active segments. `clustering` is None without any fit."""

    rules: tuple[RuleSegment, ...] = ()
    clusters: tuple[ClusterSegment, ...] = ()
    clustering: Clustering | None = None
    by_key: Mapping[str, RuleSegment | ClusterSegment] = field(init=False)

    def __post_init__(self) -> None:
        segments: list[RuleSegment | ClusterSegment] = [*self.rules, *self.clusters]
        object.__setattr__(self, "by_key", {one.key: one for one in segments})

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to determine."""
        return not self.by_key

    @cached_property
    def traits(self) -> frozenset[str]:
        """The keys of the traits that are read."""
        of_rules = frozenset(key for one in self.rules for key in traits_of(one.rule))
        return of_rules | NEEDED_TRAITS if self.clusters else of_rules

    @cached_property
    def needs_products(self) -> bool:
        """Whether the catalog decides about any segment."""
        return bool(self.traits & CATALOG_TRAITS) or any(reads_catalog(one.rule) for one in self.rules)

    def segments_of(self, shopper: ShopperState) -> tuple[frozenset[str], int | None]:
        """Return the keys of the shopper's segments, and when time alone can change them (microseconds)."""
        if shopper.is_empty:
            return frozenset(), None
        verdicts = [(one.key, evaluate(one.rule, shopper)) for one in self.rules]
        keys = {key for key, verdict in verdicts if verdict.holds}
        if (cluster := self.cluster_of(shopper)) is not None:
            keys |= {one.key for one in self.clusters if one.cluster == cluster}
        return frozenset(keys), earliest(verdict.changes_at for _, verdict in verdicts)

    def cluster_of(self, shopper: ShopperState) -> int | None:
        """Return the number of the shopper's cluster; None for one of too few interactions."""
        if self.clustering is None or len(shopper.history) < MIN_INTERACTIONS:
            return None
        row = np.asarray([vector(shopper.traits, self.clustering.features)])
        return int(self.clustering.assign(row)[0])
