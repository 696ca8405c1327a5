"""What a rule with a hold-out brought, as rows of its page: plain numbers of both groups."""

from dataclasses import dataclass

from django.conf import settings

from common.intervals import wilson
from common.money import plain
from events.rule_performance import LotResult, results_of_rule


@dataclass(frozen=True, slots=True)
class Row:
    """One group of one version, in words."""

    version: int
    group: str
    answers: int
    click_rate: str
    carts: int
    orders: int
    revenue: str
    per_1000: str
    """Revenue for 1,000 answers: the groups differ in size."""


def results_in_words(rule_id: int) -> list[Row]:
    """Return two rows for each version of a rule that had a hold-out, the newest first."""
    return [
        _row(one.version, group, result)
        for one in results_of_rule(rule_id)
        for group, result in (("applied", one.applied), ("held out", one.held_out))
    ]


def _row(version: int, group: str, result: LotResult) -> Row:
    n = result.answers
    return Row(
        version=version,
        group=group,
        answers=n,
        click_rate=_rate(result.clicked, n) if n else "–",
        carts=result.carts,
        orders=result.orders,
        revenue=f"{plain(result.revenue, settings.SHOP_CURRENCY)} {settings.SHOP_CURRENCY}",
        per_1000=f"{plain(1000 * result.revenue / n, settings.SHOP_CURRENCY)} {settings.SHOP_CURRENCY}" if n else "–",
    )


def _rate(clicked: int, answers: int) -> str:
    low, high = wilson(clicked, answers)
    return f"{clicked / answers:.1%} ({low:.1%} to {high:.1%})"
