"""What rules with a hold-out brought: reads of the counts in `events.services.performance`."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Count, Sum

from events.models import Outcome, RuleImpressions


@dataclass(slots=True)
class Sums:
    """What became of some answers: how many had a click, how many an order, and the revenue in the shop's currency."""

    answers: int = 0
    clicked: int = 0
    ordered: int = 0
    revenue: Decimal = Decimal(0)


@dataclass(slots=True)
class LotResult:
    """What became of the answers of one group. `clicked` answers had a click; others count products of answers.

    Revenue is in the shop's currency. `random_groups` are the same by random groups of shoppers: answers of one shopper
    hang together, and only between such groups does one see how much.
    """

    answers: int = 0
    clicked: int = 0
    clicks: int = 0
    carts: int = 0
    orders: int = 0
    revenue: Decimal = Decimal(0)
    random_groups: dict[int, Sums] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class VersionResult:
    """Both groups of one version of a rule: those whom it applied to, and those held out."""

    version: int
    applied: LotResult
    held_out: LotResult


def results_of_rule(rule_id: int) -> list[VersionResult]:
    """Return the results of each version that had a hold-out, the newest first."""
    rows = RuleImpressions.objects.filter(rule__startswith=f"{rule_id}.")
    answers: dict[tuple[str, bool], dict[int, int]] = {}
    for rule, held_out, group, n in rows.values_list("rule", "held_out", "random_group").annotate(total=Sum("n")):
        answers.setdefault((rule, held_out), {})[group] = n
    versions = sorted({int(rule.partition(".")[2]) for rule, _ in answers}, reverse=True)
    return [VersionResult(one, *_groups(f"{rule_id}.{one}", answers)) for one in versions]


def _groups(rule: str, answers: dict[tuple[str, bool], dict[int, int]]) -> Iterable[LotResult]:
    for held_out, column in ((False, "measured_rules"), (True, "held_out_rules")):
        by_group = answers.get((rule, held_out), {})
        result = LotResult(answers=sum(by_group.values()), random_groups={k: Sums(n) for k, n in by_group.items()})
        outcomes = Outcome.objects.filter(**{f"{column}__contains": [rule]}).values_list("kind", "random_group")
        counts = outcomes.annotate(n=Count("id"), answers=Count("recommendation_id", distinct=True), sum=Sum("revenue"))
        for kind, group, n, n_answers, revenue in counts:
            setattr(result, f"{kind}s", getattr(result, f"{kind}s") + n)
            result.revenue += revenue
            sums = result.random_groups.setdefault(group, Sums())
            sums.revenue += revenue
            if kind == "click":
                result.clicked += n_answers
                sums.clicked = n_answers
            elif kind == "order":
                sums.ordered = n_answers
        yield result
