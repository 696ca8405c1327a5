"""From item codes to the items of an answer."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import islice, zip_longest

from common.money import plain
from personalization.rules.rule_set import Trace
from personalization.serving.answers import Explanation, Item, Reason, RemovedProduct
from personalization.serving.exploration import REASON as EXPLORATION_REASON
from personalization.serving.exploration import Exploration
from personalization.serving.proposals import Proposals
from personalization.serving.serving_catalog import ServingCatalog

MOST_REMOVED = 100
"""An explanation lists at most this many removed products."""


def items_of(
    serving_catalog: ServingCatalog,
    slate: Sequence[int],
    proposals: Proposals,
    reasons: dict[int, Reason],
    trace: Trace,
    *,
    explain: bool,
    first_position: int = 1,
) -> tuple[Item, ...]:
    """Return the items of a slate, in order."""
    return tuple(
        _item(
            serving_catalog,
            code,
            position,
            proposals.scores.get(code, 0.0),
            reasons[code],
            _explanation(code, proposals, trace) if explain else None,
        )
        for position, code in enumerate(slate, first_position)
    )


def explored_item(serving_catalog: ServingCatalog, exploration: Exploration, *, score: float, explain: bool) -> Item:
    """Return the item of a new product; its position is the slate's to say."""
    explanation = Explanation(rules=(exploration.sentence,)) if explain else None
    return _item(serving_catalog, exploration.code, 0, score, EXPLORATION_REASON, explanation)


def removed_of(serving_catalog: ServingCatalog, slate: Sequence[int], trace: Trace) -> tuple[RemovedProduct, ...]:
    """Return up to `MOST_REMOVED` products that rules removed; where there are more, the same number of each rule.

    Items on the slate are left out: a cap may have skipped an item that entered the slate later.
    """
    slate_codes, of_rule = set(slate), dict[str, list[int]]()
    for code, by in trace.removed.items():
        if code not in slate_codes:
            of_rule.setdefault(by, []).append(code)
    turns = (code for turn in zip_longest(*of_rule.values()) for code in turn if code is not None)
    listed_codes = set(islice(turns, MOST_REMOVED))
    return tuple(
        RemovedProduct(serving_catalog.columns.product_ids[code], serving_catalog.title(code), by)
        for code, by in trace.removed.items()
        if code in listed_codes
    )


def _item(
    serving_catalog: ServingCatalog,
    code: int,
    position: int,
    score: float,
    reason: Reason,
    explanation: Explanation | None,
) -> Item:
    row = serving_catalog.rows[code]
    if row is None:
        raise LookupError(f"item code {code} on the slate is not in the catalog")
    return Item(
        product_id=row.product_id,
        position=position,
        score=round(score, 6),
        reason=reason,
        title=row.title,
        price=_amount(row.price, row.currency),
        currency=row.currency,
        url=row.url,
        image_url=row.image_url,
        brand=row.brand,
        stock=row.stock,
        compare_at_price=_amount(row.compare_at_price, row.currency),
        attributes=row.attributes,
        explanation=explanation,
    )


def _amount(price: Decimal | None, currency: str) -> str | None:
    return None if price is None else plain(price, currency)


def _explanation(code: int, proposals: Proposals, trace: Trace) -> Explanation:
    return Explanation(
        sources={name: round(score, 6) for name, score in proposals.sources.get(code, {}).items()},
        contributions={name: round(share, 6) for name, share in proposals.contributions.get(code, {}).items()},
        rules=tuple(trace.moved.get(code, ())),
    )
