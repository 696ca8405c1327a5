"""Schemas of results for the OpenAPI document. `experiments.result_answer` writes the answers."""

from typing import Any

from rest_framework import serializers

from experiments.metrics.base import MOST_LISTS

INTERVAL = "Low and high; null where nothing can be said yet."


def number(text: str = "", *, required: bool = True) -> serializers.FloatField:
    """Return a field for a number, null where it is not known."""
    return serializers.FloatField(allow_null=True, required=required, help_text=text)


def pair(text: str = INTERVAL) -> serializers.ListField:
    """Return a field for an interval."""
    return serializers.ListField(
        child=serializers.FloatField(allow_null=True), min_length=2, max_length=2, required=False, help_text=text
    )


class EffectSerializer(serializers.Serializer[Any]):
    """An absolute effect with its interval."""

    value = number()
    low = number()
    high = number()
    standard_error = number()


class GuardrailSerializer(serializers.Serializer[Any]):
    """A guardrail: gains have the sign turned so that more is better."""

    margin = serializers.FloatField()
    least_gain = number()
    greatest_gain = number()
    is_breached = serializers.BooleanField()
    holds = serializers.BooleanField()


class ComparedSerializer(serializers.Serializer[Any]):
    """An arm against the control. The control itself has no effect."""

    variation = serializers.CharField(help_text="The key of the arm.")
    effect = number("Treatment less control, in the metric's unit.", required=False)
    relative = number("The same as a share of the control's value.", required=False)
    ci = pair()
    relative_ci = pair()
    standard_error = number(required=False)
    p = number("By the inference; group-sequential tests: nominal.", required=False)
    adjusted_p = number(
        "Corrected after Holm: the goal over arms, other metrics together, all groups together.", required=False
    )
    significant = serializers.BooleanField(required=False, help_text="Whether the inference allows to claim an effect.")
    better = serializers.BooleanField(required=False)
    inference = serializers.CharField(required=False)
    chance_to_win = number("For display: it never decides.", required=False)
    risk = number("The expected loss of choosing this arm.", required=False)
    pooled = EffectSerializer(required=False, help_text="The effect without regard to epochs.")
    unadjusted = EffectSerializer(required=False, help_text="The effect without what units did before.")
    median_unbiased = EffectSerializer(required=False, help_text="Of a test that ended: corrected for the stopping.")
    guardrail = GuardrailSerializer(required=False)


class ArmResultSerializer(ComparedSerializer):
    """A metric in one arm, with its effect."""

    n = serializers.IntegerField(help_text="Units.")
    value = number("The metric's plain value.")
    quantiles = serializers.DictField(
        child=serializers.FloatField(), required=False, help_text="Values of units by share, such as `0.5`."
    )


class GroupSerializer(serializers.Serializer[Any]):
    """The units of one group."""

    value = serializers.CharField(help_text="Such as `mobile`.")
    arms = ArmResultSerializer(many=True)


class BreakdownSerializer(serializers.Serializer[Any]):
    """A metric by one dimension."""

    dimension = serializers.CharField(help_text="Such as `device`.")
    groups = GroupSerializer(many=True)


class DaySerializer(serializers.Serializer[Any]):
    """The units that were first exposed on one day, and the effect among all until then."""

    day = serializers.DateField()
    arms = ArmResultSerializer(many=True)
    cumulative = ComparedSerializer(many=True)


class WindowSerializer(serializers.Serializer[Any]):
    """The units that were first exposed in the last days."""

    days = serializers.IntegerField()
    arms = ComparedSerializer(many=True)


class MetricSerializer(serializers.Serializer[Any]):
    """A metric in all arms."""

    key = serializers.CharField()
    name = serializers.CharField()
    role = serializers.ChoiceField(["goal", "secondary", "guardrail"])
    display = serializers.ChoiceField(["share", "money", "number"])
    higher_is_better = serializers.BooleanField()
    arms = ArmResultSerializer(many=True)
    breakdowns = BreakdownSerializer(many=True)
    days = DaySerializer(many=True)
    windows = WindowSerializer(many=True)


class ArmUnitsSerializer(serializers.Serializer[Any]):
    """The units of an arm."""

    arm = serializers.CharField()
    name = serializers.CharField()
    units = serializers.IntegerField()
    share = serializers.FloatField()
    planned_share = serializers.FloatField()
    quarantined = serializers.IntegerField(help_text="Units that saw several arms; they are not analyzed.")
    withheld = serializers.IntegerField(help_text="Answers that did not count, for want of consent.")
    machines = serializers.IntegerField(help_text="Declared machines, such as crawlers; they are set aside.")
    capped = serializers.IntegerField(help_text=f"Units that saw more than {MOST_LISTS} lists; the first ones count.")


class SrmSerializer(serializers.Serializer[Any]):
    """Whether the sizes of the arms fit their weights."""

    p = serializers.FloatField(
        help_text="Below .001 it is a mismatch: of a test that may be watched, of χ² once the experiment has ended."
    )
    verdict = serializers.ChoiceField(["as_planned", "mismatch"])


class HealthSerializer(serializers.Serializer[Any]):
    """Whether the numbers may be trusted."""

    srm_p_value = serializers.FloatField()
    is_mismatch = serializers.BooleanField()
    switch_share = serializers.FloatField()
    has_switchers = serializers.BooleanField()
    is_imbalanced = serializers.BooleanField()
    counted_until = serializers.DateTimeField(allow_null=True)
    warnings = serializers.ListField(child=serializers.CharField())


class ProgressSerializer(serializers.Serializer[Any]):
    """How far the plan is."""

    days = serializers.FloatField()
    days_left = number("At the traffic of the last week.")
    minimum_days = serializers.IntegerField()
    maximum_days = serializers.IntegerField()
    planned_units = serializers.IntegerField(allow_null=True, help_text="Of each arm.")
    information = number("Share of the planned units.")
    detectable_effect = number("The smallest effect that could be found now, as a share of the control's value.")
    predictive_power = number("The chance that the best arm ends better.")
    is_futile = serializers.BooleanField()


class FactorSerializer(serializers.Serializer[Any]):
    """A level effect or an interaction of a multivariate design, for the goal."""

    name = serializers.CharField()
    effect = number()
    ci = pair()
    p = serializers.FloatField()


class ProposedStepSerializer(serializers.Serializer[Any]):
    """What the policy would do."""

    action = serializers.CharField()
    arm = serializers.CharField(allow_blank=True)
    rule = serializers.CharField()


class PolicySerializer(serializers.Serializer[Any]):
    """What happens by itself: the mode, the next step, or what the policy waits for."""

    mode = serializers.ChoiceField(["off", "recommend", "approve", "automatic"])
    sentence = serializers.CharField()
    next = ProposedStepSerializer(allow_null=True)
    proposals = serializers.ListField(child=serializers.IntegerField(), help_text="Ids that wait for an answer.")


class ResultsSerializer(serializers.Serializer[Any]):
    """The results of an experiment at one moment."""

    experiment = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(["comparison", "holdout"])
    status = serializers.CharField()
    inference = serializers.CharField()
    alpha = serializers.FloatField()
    epoch = serializers.IntegerField()
    updated_at = serializers.DateTimeField()
    level = serializers.ChoiceField(
        ["waiting", "unhealthy", "undecided", "better", "worse", "futile", "no_difference", "ended"]
    )
    sentence = serializers.CharField(help_text="What may be concluded now.")
    leader = serializers.CharField(allow_null=True, help_text="The arm with the best goal so far; null: the control.")
    units = serializers.DictField(child=serializers.IntegerField(), help_text="By arm.")
    arms = ArmUnitsSerializer(many=True)
    srm = SrmSerializer()
    health = HealthSerializer()
    progress = ProgressSerializer()
    metrics = MetricSerializer(many=True)
    factors = FactorSerializer(many=True)
    policy = PolicySerializer()
