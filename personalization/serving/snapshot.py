"""Everything a process needs to answer, as of one moment. Immutable: a refresh makes a new one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from catalog.records import ProductRow
from personalization.ranking.bundle import Bundle
from personalization.ranking.extension import extended_catalogue
from personalization.ranking.rules import Rule, RuleSet
from personalization.recommenders.base import Bools, Catalogue, Context, Floats, Ints, Profile
from personalization.recommenders.weights import weight_table
from personalization.selectors.placements import PlacementConfig
from personalization.serving.shelf import Shelf, items_frame, told_of
from personalization.serving.survey import Survey


@dataclass(frozen=True)
class Snapshot:
    """One state of the shop. `popular` are all codes a cold start shows, best first; the first `touched` of them are
    popular, the others follow in the catalogue's order.

    `weights` say what an event counts by its signal code, as it did when the model was trained.
    """

    bundle: Bundle | None
    model_version: str | None
    shelf: Shelf
    on_sale: Bools
    popular: Ints
    touched: int
    placements: dict[str, PlacementConfig]
    rules: RuleSet
    survey: Survey
    weights: Floats
    trained: int
    """How many of the codes the model was trained with; what is told of the others is its only knowledge of them."""

    @classmethod
    def build(
        cls,
        *,
        bundle: Bundle | None,
        model_version: str | None,
        rows: Iterable[ProductRow],
        placements: dict[str, PlacementConfig],
        rules: Sequence[Rule],
        now: datetime,
    ) -> "Snapshot":
        """Return the state made of the given parts; the bundle is extended by products it does not know.

        What was taken out of the catalogue before a model knew it stands behind them: years of it are more than what is
        new, and would be compared with everything again and again.
        """
        listed = sorted(rows, key=lambda row: row.product_id)
        known = Catalogue(item_ids=()) if bundle is None else bundle.catalogue
        unknown = _unknown(known, listed)
        fresh, gone = (items_frame(row for row in unknown if row.removed is removed) for removed in (False, True))
        bundle = None if bundle is None else bundle.extended(fresh, gone=gone)
        catalogue = extended_catalogue(extended_catalogue(known, fresh), gone) if bundle is None else bundle.catalogue
        shelf = Shelf.of(catalogue, listed)
        on_sale, (popular, touched) = shelf.on_sale(now), _popular(bundle, shelf, now)
        sources, facts = ({}, None) if bundle is None else (bundle.sources, bundle.facts)
        return cls(
            bundle=bundle,
            model_version=model_version,
            shelf=shelf,
            on_sale=on_sale,
            popular=popular,
            touched=touched,
            placements=placements,
            rules=RuleSet(rules, shelf.columns),
            survey=Survey(shelf, popular, on_sale, sources, facts),
            weights=weight_table({}) if bundle is None else bundle.weights,
            trained=known.n_items,
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

    def _is_told(self, row: ProductRow) -> bool:
        code = self.shelf.codes.get(row.product_id)
        if code is None or code < self.trained:
            return code is not None
        old = self.shelf.rows[code]
        return old is not None and old.removed == row.removed and told_of(old) == told_of(row)

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


def _unknown(catalogue: Catalogue, rows: list[ProductRow]) -> list[ProductRow]:
    known = set(catalogue.item_ids)
    return [row for row in rows if row.product_id not in known]


def _popular(bundle: Bundle | None, shelf: Shelf, now: datetime) -> tuple[Ints, int]:
    """Return all codes: the model's popular ones, and how many these are, then the rest in catalogue order."""
    source = None if bundle is None else bundle.sources.get("popular")
    if source is None:
        return shelf.order, 0
    ranked = source.recommend(Profile.empty(now.timestamp()), Context(), shelf.catalogue.n_items).items
    return _followed(ranked, shelf), len(ranked)


def _followed(ranked: Ints, shelf: Shelf) -> Ints:
    rest = shelf.order[~np.isin(shelf.order, ranked)]
    return np.concatenate([ranked, rest]).astype(np.int32)
