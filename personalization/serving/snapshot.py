"""The snapshot: all data that a process needs to answer. It is immutable; a refresh makes a new one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from catalog.frames import items_frame, model_fields
from catalog.records import ProductRow
from common.clock import to_microseconds
from experiments.design import LiveExperiments
from personalization.rules.objective import CLICKS
from personalization.rules.rule_set import Rule, RuleSet
from personalization.selectors.placements import STRATEGIES, PlacementConfig
from personalization.serving.answer_inputs import UNKNOWN, Provenance
from personalization.serving.onboarding_cache import OnboardingCache
from personalization.serving.product_values import ProductValues
from personalization.serving.serving_catalog import ServingCatalog
from recsys.arrays import Bools, Floats, Ints, Times
from recsys.data.catalog import Catalog
from recsys.data.event_weights import weight_table
from recsys.data.profile import Context, Profile
from recsys.data.recent_counts import RecentCounts
from recsys.ranking.extension import extended_catalog
from recsys.ranking.live_sources import follow_counts
from recsys.ranking.model import HybridModel
from recsys.sources.own_history import BuyAgain, Recent
from recsys.sources.scoring import Scoring


@dataclass(frozen=True)
class Snapshot:
    """One state of the shop.

    `popular` holds all codes: the first `n_popular` by popularity, the others in catalog order. `weights` are the event
    weights by signal code that the model was trained with.
    """

    bundle: HybridModel | None
    sources: Mapping[str, Scoring]
    """The model's recommenders; without a model, those that need none."""
    model_version: str | None
    serving_catalog: ServingCatalog
    on_sale: Bools
    popular: Ints
    n_popular: int
    placements: dict[str, PlacementConfig]
    rules: RuleSet
    onboarding_cache: OnboardingCache
    weights: Floats
    repurchase_seconds: Times
    """The usual time between two purchases of each product, float64[n_items] in seconds; inf where people do not buy it
    again, and without a model that learned it."""
    trained_bundle: HybridModel | None
    """The model without products added since its training; its codes come first."""
    values: ProductValues = field(compare=False)
    """What products are worth by objective."""
    counts_version: int = 0
    """The version of the live counts that the sources follow; 0 for none."""
    experiments: LiveExperiments = field(default_factory=LiveExperiments)
    provenance: Provenance = field(default=UNKNOWN, compare=False)
    """What it was built from, for replay."""
    identity: object = field(init=False, default_factory=object, compare=False, repr=False)
    """The same for snapshots that differ in live counts only: what was read of a shopper holds for all of them."""

    @classmethod
    def build(
        cls,
        *,
        bundle: HybridModel | None,
        model_version: str | None,
        rows: Iterable[ProductRow],
        placements: dict[str, PlacementConfig],
        rules: Sequence[Rule],
        now: datetime,
        before: "Snapshot | None" = None,
        provenance: Provenance = UNKNOWN,
    ) -> "Snapshot":
        """Return the snapshot of the given parts; the bundle is extended by products it does not know.

        Products removed before any training come last: there may be years of them, and they are not compared with
        others. `before`, an earlier snapshot under any model, lends its computed values of unchanged products.
        """
        all_rows, trained_bundle = list(rows), bundle
        same = before if before is not None and before.trained_bundle is bundle else None
        old_new_rows = [] if same is None else same.new_rows
        new_rows, removed_rows = _new_and_removed(bundle, all_rows)
        frames = items_frame(new_rows), items_frame(removed_rows)
        if bundle is None:
            catalog = extended_catalog(extended_catalog(Catalog(item_ids=()), frames[0]), frames[1])
        else:
            same_order = list(map(model_fields, old_new_rows)) == list(map(model_fields, new_rows[: len(old_new_rows)]))
            bundle = bundle.extended(
                frames[0], removed_items=frames[1], before=same.bundle if same and same_order else None
            )
            catalog = bundle.catalog
        serving_catalog = ServingCatalog.of(
            catalog, all_rows, before=None if before is None else before.serving_catalog
        )
        on_sale, (popular, n_popular) = serving_catalog.on_sale(now), _popular(bundle, serving_catalog, now)
        sources, item_statistics = (
            (_sources_without_model(catalog), None) if bundle is None else (bundle.sources, bundle.statistics)
        )
        return cls(
            bundle=bundle,
            sources=sources,
            model_version=model_version,
            serving_catalog=serving_catalog,
            on_sale=on_sale,
            popular=popular,
            n_popular=n_popular,
            placements=placements,
            rules=RuleSet(rules, serving_catalog.columns),
            onboarding_cache=OnboardingCache(serving_catalog, popular, on_sale, sources, item_statistics),
            weights=weight_table({}) if bundle is None else bundle.event_weights,
            repurchase_seconds=_repurchase_seconds(sources, serving_catalog.catalog.n_items),
            trained_bundle=trained_bundle,
            values=ProductValues(serving_catalog, None if bundle is None else bundle.statistics),
            provenance=replace(provenance, on_sale_us=to_microseconds(now)),
        )

    def with_changes(
        self,
        changed: Sequence[ProductRow],
        *,
        placements: dict[str, PlacementConfig],
        rules: Sequence[Rule],
        now: datetime,
        provenance: Provenance = UNKNOWN,
    ) -> "Snapshot | None":
        """Return the snapshot with changed product rows; a new price or stock needs no rebuild.

        Returns None where a rebuild is needed: a product was added, or a product that is newer than the model was
        removed or has other texts.
        """
        if not all(self._fits_in_place(row) for row in changed):
            return None
        serving_catalog = self.serving_catalog.with_changes(changed)
        on_sale, popular = (
            serving_catalog.on_sale(now),
            _popular_then_rest(self.popular[: self.n_popular], serving_catalog),
        )
        return replace(
            self,
            serving_catalog=serving_catalog,
            on_sale=on_sale,
            popular=popular,
            placements=placements,
            rules=RuleSet(rules, serving_catalog.columns, before=self.rules),
            onboarding_cache=self.onboarding_cache.with_changes(serving_catalog, popular, on_sale),
            values=ProductValues(serving_catalog, self.values.statistics),
            provenance=replace(provenance, on_sale_us=to_microseconds(now), counts=self.provenance.counts),
        )

    def with_recent_counts(self, counts: RecentCounts, *, version: int, position: str = "") -> "Snapshot":
        """Return the same shop whose sources follow the live counts of that version; itself without a model."""
        if self.bundle is None:
            return self
        bundle = follow_counts(self.bundle, counts)
        provenance = replace(self.provenance, counts=(position, counts.today))
        after = replace(self, bundle=bundle, sources=bundle.sources, counts_version=version, provenance=provenance)
        object.__setattr__(after, "identity", self.identity)
        return after

    @property
    def strategies(self) -> set[str]:
        """The strategies that a request may name: the built-in ones and the model's recommenders."""
        return {*STRATEGIES, *self.sources}

    def prepare_objectives(self) -> None:
        """Compute what products are worth by the placements' objectives ahead of the first answer that needs it."""
        for objective in {one.objective for one in self.placements.values()} - {CLICKS}:
            self.values.factors(objective)

    @property
    def n_trained(self) -> int:
        """The number of products the model was trained with; of newer ones it knows only the texts."""
        return 0 if self.trained_bundle is None else self.trained_bundle.catalog.n_items

    @property
    def new_rows(self) -> list[ProductRow]:
        """The catalog's products that are newer than the model, in order of their codes."""
        return [row for row in self.serving_catalog.rows[self.n_trained :] if row is not None and not row.removed]

    def _fits_in_place(self, row: ProductRow) -> bool:
        code = self.serving_catalog.codes.get(row.product_id)
        if code is None or code < self.n_trained:
            return code is not None
        old = self.serving_catalog.rows[code]
        return old is not None and old.removed == row.removed and model_fields(old) == model_fields(row)

    def at(self, now: datetime, *, placements: dict[str, PlacementConfig]) -> "Snapshot":
        """Return the same shop at another moment: products available since then are on sale."""
        on_sale = self.serving_catalog.on_sale(now)
        if np.array_equal(on_sale, self.on_sale):
            return self if placements == self.placements else replace(self, placements=placements)
        onboarding_cache = self.onboarding_cache.with_changes(self.serving_catalog, self.popular, on_sale)
        provenance = replace(self.provenance, on_sale_us=to_microseconds(now))
        return replace(
            self, placements=placements, on_sale=on_sale, onboarding_cache=onboarding_cache, provenance=provenance
        )

    def with_experiments(self, experiments: LiveExperiments) -> "Snapshot":
        """Return the same shop with these experiments."""
        return self if experiments == self.experiments else replace(self, experiments=experiments)

    def with_rules(self, rules: Sequence[Rule], *, moment: str | None = None) -> "Snapshot":
        """Return the same shop under other rules, read at that moment, or as a draft would change them."""
        provenance = replace(self.provenance, rules=moment)
        return replace(
            self, rules=RuleSet(rules, self.serving_catalog.columns, before=self.rules), provenance=provenance
        )


def _new_and_removed(
    bundle: HybridModel | None, rows: Sequence[ProductRow]
) -> tuple[list[ProductRow], list[ProductRow]]:
    """Return the products the bundle does not know: those in the catalog, and the removed ones.

    Both lists are in the order of creation, which every process computes alike, at any time: among equal scores the
    lower code comes first in answers. Products that are added later come last, so the others keep their codes.
    """
    model_ids = frozenset[str]() if bundle is None else frozenset(bundle.catalog.item_ids)
    rows_of_new = sorted(
        (row for row in rows if row.product_id not in model_ids),
        key=lambda row: (row.number, row.first_seen, row.product_id),
    )
    return [row for row in rows_of_new if not row.removed], [row for row in rows_of_new if row.removed]


def _repurchase_seconds(sources: Mapping[str, Scoring], n_items: int) -> Times:
    seconds, source = np.full(n_items, np.inf), sources.get(BuyAgain.name)
    if isinstance(source, BuyAgain):
        seconds[: source.n_items] = source.repurchase_seconds
    return seconds


def _sources_without_model(catalog: Catalog) -> dict[str, Scoring]:
    """Return the sources that need no training: the shopper's own history."""
    return {Recent.name: Recent().extend(catalog)}


def _popular(bundle: HybridModel | None, serving_catalog: ServingCatalog, now: datetime) -> tuple[Ints, int]:
    """Return all codes, popular ones first, the rest in catalog order; and the number of popular ones."""
    source = None if bundle is None else bundle.sources.get("popular")
    if source is None:
        return serving_catalog.order, 0
    ranked = source.recommend(Profile.empty(now.timestamp()), Context(), serving_catalog.catalog.n_items).items
    return _popular_then_rest(ranked, serving_catalog), len(ranked)


def _popular_then_rest(ranked: Ints, serving_catalog: ServingCatalog) -> Ints:
    rest = serving_catalog.order[~np.isin(serving_catalog.order, ranked)]
    return np.concatenate([ranked, rest]).astype(np.int32)
