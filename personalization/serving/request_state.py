"""A request with all that is looked up for it before anything is proposed."""

from collections.abc import Sequence
from dataclasses import dataclass

from common.errors import InvalidInput
from personalization.rules.objective import CLICKS
from personalization.rules.rule_set import Rule, Trace
from personalization.rules.slate import (
    Cap,
    rule_caps,
)
from personalization.selectors.placements import CLOSED_STRATEGIES, OWN_PRODUCTS, Filters, PlacementConfig
from personalization.serving.asking import Ask
from personalization.serving.familiar import discovery_cap, known_items, without_cart, without_owned
from personalization.serving.page_cursor import codes_of_hashes
from personalization.serving.shoppers import Shopper, nobody
from personalization.serving.snapshot import Snapshot
from recsys.arrays import Bools, Ints
from recsys.ranking.onboarding import ONBOARDING
from recsys.sources.own_history import Recent


@dataclass(frozen=True)
class RequestState:
    """A request with all that was looked up for it: shopper, placement, applicable rules, allowed products."""

    ask: Ask
    placement: PlacementConfig
    strategy: str
    shopper: Shopper
    context: tuple[int, ...]
    unknown: tuple[str, ...]
    applicable_rules: tuple[Rule, ...]
    allowed: Bools
    caps: Sequence[Cap]
    discovery: Sequence[Cap]
    """The cap on products that the shopper knows already; a cap of its own, since a slate may only fill up without."""
    trace: Trace
    size: int
    past_deadline: bool

    @property
    def is_onboarding(self) -> bool:
        """Whether the answer consists of onboarding questions."""
        return self.strategy == ONBOARDING

    @property
    def has_objective(self) -> bool:
        """Whether the order is for more than relevance. Questions and the shopper's own products keep theirs."""
        return self.placement.objective != CLICKS and self.placement.objective_percent > 0 and not self.is_closed

    @property
    def is_closed(self) -> bool:
        """Whether no other products may be added to those of the strategy."""
        return self.strategy in CLOSED_STRATEGIES


def request_state_of(
    snapshot: Snapshot,
    ask: Ask,
    placement: PlacementConfig,
    shopper: Shopper,
    applicable_rules: tuple[Rule, ...],
    *,
    items_on_page: Ints | None,
    past_deadline: bool,
) -> RequestState:
    codes, strategy = snapshot.serving_catalog.codes, _strategy(snapshot, ask, placement)
    context_items = tuple(dict.fromkeys(codes[product_id] for product_id in ask.product_ids if product_id in codes))
    context = context_items if placement.about != "shopper" else ()
    trace = Trace()
    candidates = snapshot.on_sale & snapshot.serving_catalog.filter_mask(_merged_filters(placement, ask.filters))
    allowed = snapshot.rules.filter(candidates, applicable_rules, trace if ask.explain else None).copy()
    allowed[[codes[product_id] for product_id in ask.exclude if product_id in codes]] = False
    columns = snapshot.serving_catalog.columns
    if context:
        allowed &= ~columns.variants_of(context)
    if not placement.repeat:
        allowed[shopper.bought] = False
    elif placement.rest_days:
        allowed[shopper.bought_within(placement.rest_days)] = False
    if items_on_page is not None:
        allowed &= ~columns.variants_of(items_on_page)
    if ask.earlier_items:
        allowed &= ~columns.variants_of(codes_of_hashes(*snapshot.serving_catalog.id_hashes, ask.earlier_items))
    allowed = _without_disliked(allowed, shopper, is_onboarding=strategy == ONBOARDING)
    if strategy != Recent.name:
        allowed = without_owned(allowed, shopper, snapshot.repurchase_seconds)
    if placement.about == "shopper" and strategy not in OWN_PRODUCTS:
        allowed = without_cart(allowed, shopper)
    size, past_deadline = ask.limit or placement.size, past_deadline and strategy not in OWN_PRODUCTS
    return RequestState(
        ask=ask,
        placement=placement,
        strategy=strategy,
        shopper=nobody(shopper.profile.now) if past_deadline else shopper,
        context=context,
        unknown=tuple(product_id for product_id in ask.product_ids if product_id not in codes),
        applicable_rules=applicable_rules,
        allowed=allowed,
        caps=[*_caps(snapshot, placement), *rule_caps(snapshot.rules, applicable_rules)],
        discovery=[]
        if strategy in CLOSED_STRATEGIES
        else discovery_cap(
            known_items(shopper, snapshot.repurchase_seconds), columns, size=size, share=placement.discovery_share
        ),
        trace=trace,
        size=size,
        past_deadline=past_deadline,
    )


def _without_disliked(allowed: Bools, shopper: Shopper, *, is_onboarding: bool) -> Bools:
    """Return the mask without disliked products, or unchanged if nothing would be left.

    For onboarding, drops every product the shopper has rated: no question is repeated.
    """
    remaining = allowed.copy()
    remaining[shopper.opinions.answered if is_onboarding else shopper.opinions.disliked] = False
    return remaining if is_onboarding or remaining.any() else allowed


def _merged_filters(placement: PlacementConfig, request_filters: Filters) -> Filters:
    """Return both filters as one; a field or attribute of the request overrides the placement's.

    Products that are sold out need the placement's consent, or the request's.
    """
    placement_filters, in_stock = placement.filters, request_filters.in_stock
    return Filters(
        category=request_filters.category or placement_filters.category,
        brand=request_filters.brand or placement_filters.brand,
        min_price=placement_filters.min_price if request_filters.min_price is None else request_filters.min_price,
        max_price=placement_filters.max_price if request_filters.max_price is None else request_filters.max_price,
        in_stock=True if in_stock is None and not placement.sold_out else in_stock,
        attributes=tuple(sorted((dict(placement_filters.attributes) | dict(request_filters.attributes)).items())),
    )


def _strategy(snapshot: Snapshot, ask: Ask, placement: PlacementConfig) -> str:
    if ask.strategy is None:
        return placement.strategy
    if ask.strategy not in snapshot.strategies:
        names = ", ".join(sorted(snapshot.strategies))
        raise InvalidInput.of("strategy", f"the live model holds no {ask.strategy}; it holds {names}")
    return ask.strategy


def _caps(snapshot: Snapshot, placement: PlacementConfig) -> list[Cap]:
    columns = snapshot.serving_catalog.columns
    caps = [Cap(limit=1, keys=columns.group_of)]
    for column, limit in (("brand", placement.max_per_brand), ("category", placement.max_per_category)):
        if limit:
            caps.append(Cap(limit=limit, keys=columns.keys(column), soft=True))
    return caps
