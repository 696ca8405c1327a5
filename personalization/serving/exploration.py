"""A place for a new product, now and then: which answers explore, among which products, within which budget."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common import clock
from personalization.rules.slate import (
    Cap,
    fitting,
    inserted,
    last_free,
)
from personalization.selectors.placements import PlacementConfig
from personalization.serving.answers import Reason
from personalization.serving.budget import reserve
from personalization.serving.exploration_draw import (
    Drawn,
    drawn,
    seeded,
    suited,
)
from personalization.serving.gauges import EXPLORATIONS
from personalization.serving.shoppers import LATELY, Shopper
from personalization.serving.snapshot import Snapshot
from recsys.arrays import Bools, Floats, Ints
from recsys.data.interactions import DAY
from recsys.data.profile import Context

PLACE = 3
"""Where the explored product stands, from 0: seen, behind the best of the ranking and what is fresh."""
MOST_NEW = 0.5
"""Where more than this share of the shelf is new (a shop just begun), nothing is: all have the same start."""
LIKENESS = ("new_arrivals", "content")
"""Sources that know how well an untouched product suits a shopper, the first one the model holds."""
NOBODY = Drawn((), ())
REASON = Reason("exploration", "New in our shop")


@dataclass(frozen=True, slots=True)
class Explored:
    """The slate with the new product on it, which product that is, and the chance it had to be shown."""

    slate: list[int]
    code: int
    propensity: float

    @property
    def sentence(self) -> str:
        """What the trace says."""
        return f"Exploration: a new product, shown with propensity {self.propensity:.4g}"


def explore(
    snapshot: Snapshot,
    placement: PlacementConfig,
    shopper: Shopper,
    context: tuple[int, ...],
    slate: list[int],
    *,
    mask: Bools,
    fixed: set[int],
    caps: Sequence[Cap],
) -> Explored | None:
    """Return the slate with a new product in one place, None where this answer does not explore.

    Impressions of new products are counted either way, the explored one's against its budget. What is `fixed` (pins)
    is neither moved nor removed; what the mask or a cap forbids is not shown; a slate of one is left alone.
    """
    if not placement.explore_share or shopper.degraded == "store_down":
        return None
    young = _young(snapshot, placement, now=shopper.profile.now)
    shown = np.asarray(slate, np.int32)[np.isin(slate, young)].tolist()
    # Whoever has no history is one of many who are alike: what one of them is shown must not be what all are shown.
    rng = seeded(placement.key, shopper.profile, context) if len(shopper.profile.items) else np.random.default_rng()
    leaves = last_free(slate, fixed)
    order = NOBODY
    if leaves and rng.random() < placement.explore_share:  # never in the place of the best one
        stays = [*slate[:leaves], *slate[leaves + 1 :]]
        order = drawn(fitting(_candidates(snapshot, shopper, context, slate, young[mask[young]]), stays, caps), rng)
    if not shown and not order.codes:
        return None
    return _reserved(snapshot, placement, slate, shown, order, fixed)


def _reserved(
    snapshot: Snapshot, placement: PlacementConfig, slate: list[int], shown: list[int], order: Drawn, fixed: set[int]
) -> Explored | None:
    names = snapshot.shelf.columns.product_ids
    found = reserve(
        placement.key,
        [names[code] for code in order.codes],
        shown=[names[code] for code in shown],
        cap=placement.explore_cap,
        enough=placement.explore_enough,
        now=clock.now(),
    )
    if order.codes:
        EXPLORATIONS.labels(placement=placement.key, outcome="shown" if found else "no_budget").inc()
    if found is None:
        return None
    code = order.codes[found.place]
    chance = order.chance(found.place, found.open_to, share=placement.explore_share)
    return Explored(inserted(slate, code, PLACE, fixed=fixed), code, chance)


def _young(snapshot: Snapshot, placement: PlacementConfig, *, now: float) -> Ints:
    """Return the codes of products on sale that are new for this placement, none where most of the shelf is."""
    newest, born = snapshot.shelf.newest
    young = newest[: np.searchsorted(-born, -(now - placement.explore_days * DAY), side="right")]
    young = young[snapshot.on_sale[young]]
    return young if len(young) <= MOST_NEW * snapshot.on_sale.sum() else young[:0]


def _candidates(snapshot: Snapshot, shopper: Shopper, context: tuple[int, ...], slate: list[int], young: Ints) -> Ints:
    """Return the new products that suit the shopper best, best first; none that the slate or a variant of it shows."""
    groups = snapshot.shelf.columns.group_of
    young = young[~np.isin(groups[young], groups[slate])]
    lately = [*context, *shopper.lately][:LATELY]
    categories = snapshot.shelf.columns.category_of
    kin = np.isin(categories[young], categories[lately]) if lately else np.zeros(len(young), bool)
    return suited(young, _likeness(snapshot, shopper, context, lately, young), kin, snapshot.shelf.born[young])


def _likeness(snapshot: Snapshot, shopper: Shopper, context: tuple[int, ...], lately: list[int], young: Ints) -> Floats:
    """Return how well each product suits: by a source of the model, else by its words beside the latest products."""
    source = next((snapshot.sources[name] for name in LIKENESS if name in snapshot.sources), None)
    # Where very many came at once, it waits for the next training, and has no opinion of any of them.
    if source is not None and young.max(initial=-1) < source.n_items:
        return source.score(shopper.profile, Context(items=context), young)
    scores = np.zeros(len(young), np.float32)
    for code in lately:
        scores += snapshot.shelf.kinship.similarities(code)[young]
    return scores
