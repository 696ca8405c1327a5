"""From item codes to the items of an answer."""

from collections.abc import Sequence
from itertools import islice, zip_longest

from common.money import plain
from personalization.rules.rule_set import Trace
from personalization.serving.answers import Explanation, Item, Reason, Removed
from personalization.serving.proposals import Proposals
from personalization.serving.serving_catalog import Shelf

MOST_REMOVED = 100
"""How many removed products an explanation lists."""


def items_of(
    shelf: Shelf, slate: Sequence[int], found: Proposals, reasons: dict[int, Reason], trace: Trace, *, explain: bool
) -> tuple[Item, ...]:
    """Return the items of a slate, in order."""
    return tuple(
        _item(shelf, code, position, found, reasons[code], _explanation(code, found, trace) if explain else None)
        for position, code in enumerate(slate, 1)
    )


def removed_of(shelf: Shelf, slate: Sequence[int], trace: Trace) -> tuple[Removed, ...]:
    """Return what rules kept off the slate, up to a hundred products, of each rule as many where there are more.

    A cap may have passed over what came into the slate later, in the place of another one.
    """
    shown, of_rule = set(slate), dict[str, list[int]]()
    for code, by in trace.removed.items():
        if code not in shown:
            of_rule.setdefault(by, []).append(code)
    turns = (code for turn in zip_longest(*of_rule.values()) for code in turn if code is not None)
    listed = set(islice(turns, MOST_REMOVED))
    return tuple(
        Removed(shelf.columns.product_ids[code], shelf.title(code), by)
        for code, by in trace.removed.items()
        if code in listed
    )


def _item(
    shelf: Shelf, code: int, position: int, found: Proposals, reason: Reason, explanation: Explanation | None
) -> Item:
    row = shelf.rows[code]
    if row is None:
        raise LookupError(f"code {code} is shown and not in the catalog")
    return Item(
        product_id=row.product_id,
        position=position,
        score=round(found.scores.get(code, 0.0), 6),
        reason=reason,
        title=row.title,
        price=None if row.price is None else plain(row.price, row.currency),
        currency=row.currency,
        url=row.url,
        image_url=row.image_url,
        explanation=explanation,
    )


def _explanation(code: int, found: Proposals, trace: Trace) -> Explanation:
    return Explanation(
        sources={name: round(score, 6) for name, score in found.sources.get(code, {}).items()},
        contributions={name: round(share, 6) for name, share in found.contributions.get(code, {}).items()},
        rules=tuple(trace.moved.get(code, ())),
    )
