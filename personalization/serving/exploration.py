"""Exploration: some answers show one new product, chosen among suitable ones and within a budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import getrandbits

import numpy as np

from common import clock
from personalization.rules.slate import (
    Cap,
    last_unfixed,
    within_caps,
)
from personalization.selectors.placements import PlacementConfig
from personalization.serving.answer_inputs import Lot
from personalization.serving.answers import Reason
from personalization.serving.budget import Reservation, reserve
from personalization.serving.exploration_draw import (
    Draw,
    draw,
    most_suitable,
    request_rng,
)
from personalization.serving.gauges import EXPLORATIONS
from personalization.serving.shoppers import N_LATEST, Shopper
from personalization.serving.snapshot import Snapshot
from recsys.arrays import Bools, Floats, Ints
from recsys.data.interactions import DAY
from recsys.data.profile import Context

PLACE = 3
"""The index of the explored product: visible, but behind the best of the ranking and the recent item slots."""
MOST_NEW_SHARE = 0.5
"""If more than this share of the catalog is new, as in a new shop, nothing counts as new."""
LIKENESS = ("new_arrivals", "content")
"""Sources that can score a product nobody touched, in order of preference."""
SEED_BITS = 52
"""Bits of the seed of a stranger's draw: a number that JSON holds exactly."""
NO_DRAW = Draw((), ())
NO_ITEMS: Ints = np.empty(0, np.int32)
REASON = Reason("exploration", "New in our shop")


@dataclass(frozen=True, slots=True)
class Plan:
    """What an answer may explore: the same for each of its repetitions.

    `new_on_slate` are the new products that the slate shows anyway. `suitable` may be explored, best first. `order` is
    the draw among them; None where each answer draws anew.
    """

    new_on_slate: tuple[int, ...]
    suitable: Ints
    order: Draw | None


@dataclass(frozen=True, slots=True)
class Exploration:
    """The item code of the explored product, and its chance to be shown."""

    code: int
    propensity: float

    @property
    def sentence(self) -> str:
        """The line for the trace."""
        return f"Exploration: a new product, shown with propensity {self.propensity:.4g}"


def plan_exploration(
    snapshot: Snapshot,
    placement: PlacementConfig,
    shopper: Shopper,
    context: tuple[int, ...],
    slate: list[int],
    *,
    mask: Bools,
    fixed: set[int],
    caps: Sequence[Cap],
) -> Plan | None:
    """Return what this answer may explore, None for nothing.

    `fixed` items (pins) stay where they are. The new product obeys mask and caps. A slate of one item stays unchanged.
    A shopper with history gets the same draw for the same request; shoppers without all look the same, and a seeded
    draw would show all of them the same product.
    """
    if not placement.explore_share or shopper.fallback_reason == "store_down":
        return None
    new_items = _new_items(snapshot, placement, now=shopper.profile.now)
    new_on_slate = tuple(np.asarray(slate, np.int32)[np.isin(slate, new_items)].tolist())
    leaves, order, suitable = last_unfixed(slate, fixed), None, NO_ITEMS
    rng = request_rng(placement.key, shopper.profile, context) if len(shopper.profile.items) else None
    if not leaves or (rng is not None and rng.random() >= placement.explore_share):  # the best item stays
        order = NO_DRAW
    elif len(new_items):
        stays = [*slate[:leaves], *slate[leaves + 1 :]]
        suitable = within_caps(_candidates(snapshot, shopper, context, slate, new_items[mask[new_items]]), stays, caps)
        order = None if rng is None else draw(suitable, rng)
    return Plan(new_on_slate, suitable, order) if new_on_slate or len(suitable) else None


def explore(
    snapshot: Snapshot, placement: PlacementConfig, plan: Plan, *, lot: Lot | None = None
) -> tuple[Exploration | None, Lot]:
    """Return the product that this answer explores, or None, and what chance and budget said.

    Impressions of new products are counted in both cases; the explored one's count against its budget. With the `lot`
    of an earlier answer, nothing is drawn or counted, and the same product comes again.
    """
    order, seed = plan.order, None
    if order is None:
        seed = getrandbits(SEED_BITS) if lot is None or lot.seed is None else lot.seed
        rng = np.random.default_rng(seed)
        order = draw(plan.suitable, rng) if rng.random() < placement.explore_share else NO_DRAW
    if not plan.new_on_slate and not order.codes:
        return None, Lot(seed)
    if lot is None:
        reservation = _reserve(snapshot, placement, plan, order)
    else:
        reservation = None if lot.place is None else Reservation(lot.place, lot.had_budget)
    if reservation is None:
        return None, Lot(seed)
    chance = order.chance(reservation.place, reservation.had_budget, share=placement.explore_share)
    exploration = Exploration(order.codes[reservation.place], chance)
    return exploration, Lot(seed, reservation.place, reservation.had_budget)


def _reserve(snapshot: Snapshot, placement: PlacementConfig, plan: Plan, order: Draw) -> Reservation | None:
    names = snapshot.serving_catalog.columns.product_ids
    reservation = reserve(
        placement.key,
        [names[code] for code in order.codes],
        shown_products=[names[code] for code in plan.new_on_slate],
        cap=placement.explore_cap,
        enough=placement.explore_enough,
        now=clock.now(),
    )
    if order.codes:
        EXPLORATIONS.labels(placement=placement.key, outcome="shown" if reservation else "no_budget").inc()
    return reservation


def _new_items(snapshot: Snapshot, placement: PlacementConfig, *, now: float) -> Ints:
    """Return the codes of products on sale that are new for this placement; none where most of the catalog is new."""
    newest, first_seen = snapshot.serving_catalog.newest
    new_items = newest[: np.searchsorted(-first_seen, -(now - placement.explore_days * DAY), side="right")]
    new_items = new_items[snapshot.on_sale[new_items]]
    return new_items if len(new_items) <= MOST_NEW_SHARE * snapshot.on_sale.sum() else new_items[:0]


def _candidates(
    snapshot: Snapshot, shopper: Shopper, context: tuple[int, ...], slate: list[int], new_items: Ints
) -> Ints:
    """Return the new products that suit the shopper best, best first, without variants of items on the slate."""
    groups = snapshot.serving_catalog.columns.group_of
    new_items = new_items[~np.isin(groups[new_items], groups[slate])]
    latest_items = [*context, *shopper.latest_items][:N_LATEST]
    categories = snapshot.serving_catalog.columns.category_of
    kin = np.isin(categories[new_items], categories[latest_items]) if latest_items else np.zeros(len(new_items), bool)
    return most_suitable(
        new_items,
        _likeness(snapshot, shopper, context, latest_items, new_items),
        kin,
        snapshot.serving_catalog.first_seen[new_items],
    )


def _likeness(
    snapshot: Snapshot, shopper: Shopper, context: tuple[int, ...], latest_items: list[int], new_items: Ints
) -> Floats:
    """Return a score per new product: from a source of the model, else text similarity to the latest products."""
    source = next((snapshot.sources[name] for name in LIKENESS if name in snapshot.sources), None)
    # A source skips new products when very many came at once; then it cannot score them before the next training.
    if source is not None and new_items.max(initial=-1) < source.n_items:
        return source.score(shopper.profile, Context(items=context), new_items)
    scores = np.zeros(len(new_items), np.float32)
    for code in latest_items:
        scores += snapshot.serving_catalog.kinship.similarities(code)[new_items]
    return scores
