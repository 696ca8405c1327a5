"""What rules with a hold-out brought: reads of the counts in `events.services.performance`."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Sum

from events.models import Outcome, RuleImpressions


@dataclass(slots=True)
class LotResult:
    """What became of the answers of one group. `clicked` answers had a click; others count products of answers.

    Revenue is in the shop's currency.
    """

    answers: int = 0
    clicked: int = 0
    clicks: int = 0
    carts: int = 0
    orders: int = 0
    revenue: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class VersionResult:
    """Both groups of one version of a rule: those whom it applied to, and those held out."""

    version: int
    applied: LotResult
    held_out: LotResult


def results_of_rule(rule_id: int) -> list[VersionResult]:
    """Return the results of each version that had a hold-out, the newest first."""
    rows = RuleImpressions.objects.filter(rule__startswith=f"{rule_id}.").values_list("rule", "held_out")
    answers = {(rule, held_out): n for rule, held_out, n in rows.annotate(total=Sum("n"))}
    versions = sorted({int(rule.partition(".")[2]) for rule, _ in answers}, reverse=True)
    return [VersionResult(one, *_groups(f"{rule_id}.{one}", answers)) for one in versions]


def _groups(rule: str, answers: dict[tuple[str, bool], int]) -> Iterable[LotResult]:
    for held_out, column in ((False, "measured_rules"), (True, "held_out_rules")):
        result = LotResult(answers=answers.get((rule, held_out), 0))
        outcomes = Outcome.objects.filter(**{f"{column}__contains": [rule]}).values_list("kind")
        counts = outcomes.annotate(n=Count("id"), answers=Count("recommendation_id", distinct=True), sum=Sum("revenue"))
        for kind, n, n_answers, revenue in counts:
            setattr(result, f"{kind}s", n)
            if kind == "click":
                result.clicked = n_answers
            result.revenue += revenue
        yield result
