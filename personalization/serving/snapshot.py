"""Everything a process needs to answer, as of one moment. Immutable: a refresh makes a new one."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from catalog.frames import items_frame, model_fields
from catalog.records import ProductRow
from personalization.rules.rule_set import Rule, RuleSet
from personalization.selectors.placements import STRATEGIES, PlacementConfig
from personalization.serving.onboarding_cache import Survey
from personalization.serving.serving_catalog import Shelf
from recsys.arrays import Bools, Floats, Ints
from recsys.data.catalogue import Catalogue
from recsys.data.event_weights import weight_table
from recsys.data.profile import Context, Profile
from recsys.ranking.extension import extended_catalogue
from recsys.ranking.model import HybridModel
from recsys.sources.own_history import Recent
from recsys.sources.scoring import Scoring


@dataclass(frozen=True)
class Snapshot:
    """One state of the shop. `popular` are all codes a cold start shows, best first; the first `touched` of them are
    popular, the others follow in the catalogue's order.

    `weights` say what an event counts by its signal code, as it did when the model was trained.
    """

    bundle: HybridModel | None
    sources: Mapping[str, Scoring]
    """The model's recommenders; without a model, those that need none."""
    model_version: str | None
    shelf: Shelf
    on_sale: Bools
    popular: Ints
    touched: int
    placements: dict[str, PlacementConfig]
    rules: RuleSet
    survey: Survey
    weights: Floats
    released: HybridModel | None
    """The model without what came since: the first codes are those it was trained with."""

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
    ) -> "Snapshot":
        """Return the state made of the given parts; the bundle is extended by products it does not know.

        What was taken out of the catalogue before a model knew it stands behind them: years of it are more than what is
        new, and would be compared with everything again and again. `before`, a state of this shop under any model,
        lends what it found of the same products: only what differs is looked at.
        """
        listed, released = list(rows), bundle
        same = before if before is not None and before.released is bundle else None
        held = [] if same is None else same.newer
        fresh, gone = _newer(bundle, listed, held)
        frames = items_frame(fresh), items_frame(gone)
        if bundle is None:
            catalogue = extended_catalogue(extended_catalogue(Catalogue(item_ids=()), frames[0]), frames[1])
        else:
            kept = list(map(model_fields, held)) == list(map(model_fields, fresh[: len(held)]))
            bundle = bundle.extended(frames[0], removed_items=frames[1], before=same.bundle if same and kept else None)
            catalogue = bundle.catalogue
        shelf = Shelf.of(catalogue, listed, before=None if before is None else before.shelf)
        on_sale, (popular, touched) = shelf.on_sale(now), _popular(bundle, shelf, now)
        sources, facts = (_untrained(catalogue), None) if bundle is None else (bundle.sources, bundle.statistics)
        return cls(
            bundle=bundle,
            sources=sources,
            model_version=model_version,
            shelf=shelf,
            on_sale=on_sale,
            popular=popular,
            touched=touched,
            placements=placements,
            rules=RuleSet(rules, shelf.columns),
            survey=Survey(shelf, popular, on_sale, sources, facts),
            weights=weight_table({}) if bundle is None else bundle.event_weights,
            released=released,
        )

    def following(
        self,
        changed: Sequence[ProductRow],
        *,
        placements: dict[str, PlacementConfig],
        rules: Sequence[Rule],
        now: datetime,
    ) -> "Snapshot | None":
        """Return the state after changes of products: a new price or stock need not wait for a catalogue made anew.

        None where it must be: a product came, or one that no model was trained with went or is told in other words.
        """
        if not all(self._is_told(row) for row in changed):
            return None
        shelf = self.shelf.following(changed)
        on_sale, popular = shelf.on_sale(now), _followed(self.popular[: self.touched], shelf)
        return replace(
            self,
            shelf=shelf,
            on_sale=on_sale,
            popular=popular,
            placements=placements,
            rules=RuleSet(rules, shelf.columns, before=self.rules),
            survey=self.survey.following(shelf, popular, on_sale),
        )

    @property
    def strategies(self) -> set[str]:
        """What a request may ask: of recommenders, those the model holds."""
        return {*STRATEGIES, *self.sources}

    @property
    def trained(self) -> int:
        """How many of the codes the model was trained with; what is told of the others is all it knows of them."""
        return 0 if self.released is None else self.released.catalogue.n_items

    @property
    def newer(self) -> list[ProductRow]:
        """The products of the catalogue behind these, in the order of their codes."""
        return [row for row in self.shelf.rows[self.trained :] if row is not None and not row.removed]

    def _is_told(self, row: ProductRow) -> bool:
        code = self.shelf.codes.get(row.product_id)
        if code is None or code < self.trained:
            return code is not None
        old = self.shelf.rows[code]
        return old is not None and old.removed == row.removed and model_fields(old) == model_fields(row)

    def at(self, now: datetime, *, placements: dict[str, PlacementConfig]) -> "Snapshot":
        """Return the same shop at another moment: what is available since then is on sale, and may be asked about."""
        on_sale = self.shelf.on_sale(now)
        if np.array_equal(on_sale, self.on_sale):
            return replace(self, placements=placements)
        survey = self.survey.following(self.shelf, self.popular, on_sale)
        return replace(self, placements=placements, on_sale=on_sale, survey=survey)

    def with_rules(self, rules: Sequence[Rule]) -> "Snapshot":
        """Return the same shop under other rules: what a draft would change."""
        return replace(self, rules=RuleSet(rules, self.shelf.columns, before=self.rules))


def _newer(
    bundle: HybridModel | None, rows: Sequence[ProductRow], held: Sequence[ProductRow]
) -> tuple[list[ProductRow], list[ProductRow]]:
    """Return the products the bundle does not know, and those of them that are gone, each in the order they appeared.

    Those that were `held` stand first, as they did: who knows them already need only look at the others. The order is
    one that a process that starts later finds too: of products that are alike the lower code comes first in answers.
    """
    known = frozenset[str]() if bundle is None else frozenset(bundle.catalogue.item_ids)
    newer = sorted(
        (row for row in rows if row.product_id not in known), key=lambda row: (row.first_seen, row.product_id)
    )
    places = {row.product_id: at for at, row in enumerate(held)}
    fresh = sorted((row for row in newer if not row.removed), key=lambda row: places.get(row.product_id, len(held)))
    return fresh, [row for row in newer if row.removed]


def _untrained(catalogue: Catalogue) -> dict[str, Scoring]:
    """Return what learns nothing, and so answers before the first training: what the shopper looked at."""
    return {Recent.name: Recent().extend(catalogue)}


def _popular(bundle: HybridModel | None, shelf: Shelf, now: datetime) -> tuple[Ints, int]:
    """Return all codes: the model's popular ones, and how many these are, then the rest in catalogue order."""
    source = None if bundle is None else bundle.sources.get("popular")
    if source is None:
        return shelf.order, 0
    ranked = source.recommend(Profile.empty(now.timestamp()), Context(), shelf.catalogue.n_items).items
    return _followed(ranked, shelf), len(ranked)


def _followed(ranked: Ints, shelf: Shelf) -> Ints:
    rest = shelf.order[~np.isin(shelf.order, ranked)]
    return np.concatenate([ranked, rest]).astype(np.int32)
