"""The home's tiles of the permanent hold-out: what all personalization adds, each number with its interval."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.urls import reverse

from common.money import DECIMALS, format_money
from experiments.selectors.holdout import HoldoutMetric, HoldoutSummary, holdout_summary
from portal.permissions import may

CONDUCT: Final = "experiments.change_experiment"
DECIDE: Final = (CONDUCT, "personalization.change_rule")
"""Who decides about personalization, and so has to know what it adds."""


@dataclass(frozen=True, slots=True)
class HoldoutTile:
    """One metric: what personalization adds to it, from where to where that may be, and both values."""

    title: str
    value: str
    interval: str
    values: str


@dataclass(frozen=True, slots=True)
class HoldoutCard:
    """The hold-out as the home shows it."""

    tiles: tuple[HoldoutTile, ...]
    sentence: str
    share: str
    started_at: datetime
    units: int
    link: str


def holdout_context(user: Any) -> dict[str, Any]:
    """Return the context of the home: the card, or a proposal to start a hold-out to whom may start one."""
    if not any(may(user, permission) for permission in DECIDE):
        return {}
    summary = holdout_summary()
    if summary is not None:
        return {"holdout": _card(summary)}
    return {"holdout_missing": reverse("admin:experiments_experiment_changelist")} if may(user, CONDUCT) else {}


def _card(summary: HoldoutSummary) -> HoldoutCard:
    return HoldoutCard(
        tiles=tuple(_tile(one, is_trusted=not summary.is_mismatch) for one in summary.metrics),
        sentence=summary.verdict,
        share=f"{100 * summary.share:.3g} %",
        started_at=summary.started_at,
        units=summary.units_without,
        link=reverse("admin:experiments_experiment_change", args=[summary.experiment_id]),
    )


def _tile(one: HoldoutMetric, *, is_trusted: bool) -> HoldoutTile:
    effect = one.effect
    if not is_trusted or effect.value is None or effect.low is None or effect.high is None:
        value, interval = "–", "not to be trusted" if not is_trusted else "too few shoppers so far"
    else:
        value, interval = _change(effect.value), f"{_change(effect.low)} to {_change(effect.high)}"
    values = f"{_in_words(one.personalized, one.display)} with it, {_in_words(one.without, one.display)} without"
    return HoldoutTile(one.name, value, interval, values)


def _change(share: float) -> str:
    return f"{100 * share:+.1f} %".replace("-", "−")


def _in_words(value: float | None, display: str) -> str:
    if value is None:
        return "nothing"
    if display == "share":
        return f"{100 * value:.2f} %"
    if display == "money":
        currency = settings.SHOP_CURRENCY
        return format_money(Decimal(f"{value:.{DECIMALS.get(currency, 2)}f}"), currency)
    return f"{value:,.2f}"
