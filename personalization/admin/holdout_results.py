"""What a rule with a hold-out brought, as rows of its page: plain numbers of both groups."""

from dataclasses import dataclass

from django.conf import settings

from common.money import plain
from events.rule_performance import LotResult, Sums, VersionResult, results_of_rule
from experiments.holdouts import FEWEST_GROUPS, HoldoutEffect, holdout_effect


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


@dataclass(frozen=True, slots=True)
class Finding:
    """What may be said of one version: a sentence for each of clicks, orders and revenue."""

    version: int
    sentences: tuple[str, ...]


def results_in_words(rule_id: int) -> tuple[list[Row], list[Finding]]:
    """Return two rows for each version of a rule that had a hold-out, the newest first, and what they allow to say."""
    versions = results_of_rule(rule_id)
    rows = [
        _row(one.version, group, result)
        for one in versions
        for group, result in (("applied", one.applied), ("held out", one.held_out))
    ]
    return rows, [Finding(one.version, _sentences(one)) for one in versions]


def _sentences(one: VersionResult) -> tuple[str, ...]:
    effects = {
        "the share of answers with a click": _effect(one, "clicked"),
        "the share of answers with an order": _effect(one, "ordered"),
        "the revenue for an answer": _effect(one, "revenue"),
    }
    if not any(effects.values()):
        return (f"Too early to say anything: {FEWEST_GROUPS} groups of shoppers are needed on both sides.",)
    return tuple(
        f"Nothing was counted for {what} yet." if effect is None else _sentence(what, effect)
        for what, effect in effects.items()
    )


def _effect(one: VersionResult, name: str) -> HoldoutEffect | None:
    return holdout_effect(_pairs(one.held_out, name), _pairs(one.applied, name))


def _pairs(result: LotResult, name: str) -> list[tuple[float, float]]:
    groups: list[Sums] = list(result.random_groups.values())
    return [(float(getattr(sums, name)), float(sums.answers)) for sums in groups]


def _sentence(what: str, effect: HoldoutEffect) -> str:
    one = effect.relative
    if one.value is None or one.low is None or one.high is None:
        return f"Without the rule {what} is 0, so a change has no percentage."
    numbers = f"{_change(one.value)} ({_change(one.low)} to {_change(one.high)})"
    if not effect.is_significant:
        return f"Nothing may be concluded about {what} yet: {numbers}."
    return f"The rule {'raises' if one.value > 0 else 'lowers'} {what}: {numbers}."


def _change(share: float) -> str:
    return f"{100 * share:+.1f} %".replace("-", "−")


def _row(version: int, group: str, result: LotResult) -> Row:
    n = result.answers
    return Row(
        version=version,
        group=group,
        answers=n,
        click_rate=f"{result.clicked / n:.1%}" if n else "–",
        carts=result.carts,
        orders=result.orders,
        revenue=f"{plain(result.revenue, settings.SHOP_CURRENCY)} {settings.SHOP_CURRENCY}",
        per_1000=f"{plain(1000 * result.revenue / n, settings.SHOP_CURRENCY)} {settings.SHOP_CURRENCY}" if n else "–",
    )
