"""Experiments with their arms, epochs, steps and proposals; namespaces."""

import uuid
from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Func, Q

from common.personal_data import PersonalFields, staff_fields

SLUG_PATTERN = r"^[a-z0-9][a-z0-9-]*\Z"
SLUG = RegexValidator(SLUG_PATTERN, "Small letters, digits and hyphens: home-ranker.")


class Namespace(models.Model):
    """A set of experiments of which a shopper may be in one at most: each takes a range of the buckets."""

    key = models.CharField(max_length=60, unique=True, validators=[SLUG])
    name = models.CharField(max_length=120)
    seed = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["key"]

    def __str__(self) -> str:
        return self.name


class Kind(models.TextChoices):
    """What is compared."""

    COMPARISON = "comparison", "Experiment"
    HOLDOUT = "holdout", "Permanent hold-out"


class Status(models.TextChoices):
    """Where an experiment is in its life."""

    DRAFT = "draft", "Draft"
    RUNNING = "running", "Running"
    STOPPED = "stopped", "Stopped"
    SHIPPED = "shipped", "Shipped"
    ARCHIVED = "archived", "Archived"


class Inference(models.TextChoices):
    """How the numbers are read."""

    ALWAYS_VALID = "always_valid", "Always valid: look and stop when you like"
    GROUP_SEQUENTIAL = "group_sequential", "Group sequential: planned looks"
    FIXED = "fixed", "Fixed horizon: one look at the end"


class PolicyMode(models.TextChoices):
    """What the product does by itself."""

    OFF = "off", "Off"
    RECOMMEND = "recommend", "Recommend"
    APPROVE = "approve", "Ask for approval"
    AUTOMATIC = "automatic", "Automatic"


class Experiment(models.Model):
    """One experiment: the design, where it is in its life, and the plan of its analysis.

    `epoch` is 0 before the start. `final_arm` is the key of the arm that everybody gets after shipping or stopping,
    `ramp_arm` that of the arm on its way to everybody. `goal_margin` is the harm to the goal that shipping accepts.
    Metrics are named by their keys. An entry of `guardrail_metrics` is a key, or an object with `metric`, `margin` and
    perhaps `dimension`: then no group of that dimension may lose more than the margin, either.
    """

    key = models.CharField(max_length=60, unique=True, validators=[SLUG])
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.COMPARISON, editable=False)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT, editable=False, db_index=True)
    seed = models.CharField(max_length=64, editable=False, help_text="Fixed for the life of the experiment")
    epoch = models.PositiveIntegerField(default=0, editable=False)
    final_arm = models.CharField(max_length=60, blank=True, default="", editable=False)
    ramp_arm = models.CharField(max_length=60, blank=True, default="", editable=False)

    hypothesis = models.TextField(blank=True, default="")
    payload_kind = models.CharField(
        max_length=60, blank=True, default="", help_text="What the arms change; empty: JSON for the storefront"
    )
    factors = models.JSONField(default=dict, blank=True, help_text="The levels of each factor of a multivariate design")
    coverage = models.FloatField(default=1.0, validators=[MinValueValidator(0.0), MaxValueValidator(1.0)])
    condition = models.JSONField(default=dict, blank=True, help_text="Whom the experiment is about")
    namespace = models.ForeignKey(
        Namespace, null=True, blank=True, on_delete=models.PROTECT, related_name="experiments"
    )
    namespace_low = models.PositiveIntegerField(default=0, help_text="The first bucket of 10,000")
    namespace_high = models.PositiveIntegerField(default=10_000, help_text="The bucket after the last")
    test_units = models.JSONField(default=dict, blank=True, help_text="Raw ids of staff and the arm that each gets")

    goal_metric = models.CharField(max_length=60, blank=True, default="")
    goal_margin = models.FloatField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0.0001), MaxValueValidator(1.0)],
        help_text="Ship what is not worse by more than this share; empty: ship only what is better",
    )
    secondary_metrics = models.JSONField(default=list, blank=True)
    guardrail_metrics = models.JSONField(default=list, blank=True)
    activation_metric = models.CharField(max_length=60, blank=True, default="")
    inference = models.CharField(max_length=20, choices=Inference, default=Inference.ALWAYS_VALID)
    alpha = models.FloatField(default=0.05, validators=[MinValueValidator(0.0001), MaxValueValidator(0.5)])
    power = models.FloatField(default=0.8, validators=[MinValueValidator(0.5), MaxValueValidator(0.999)])
    minimum_effect = models.FloatField(
        default=0.05, validators=[MinValueValidator(0.0001)], help_text="Relative: 0.05 is 5 %"
    )
    planned_units = models.PositiveIntegerField(null=True, blank=True, help_text="Units of each arm")
    planned_looks = models.PositiveSmallIntegerField(
        default=50, validators=[MinValueValidator(1), MaxValueValidator(50)]
    )
    minimum_runtime_days = models.PositiveSmallIntegerField(default=7)
    maximum_runtime_days = models.PositiveSmallIntegerField(default=28, validators=[MinValueValidator(1)])
    policy_mode = models.CharField(max_length=10, choices=PolicyMode, default=PolicyMode.RECOMMEND)
    learnings = models.TextField(blank=True, default="")

    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=120, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    started_at = models.DateTimeField(null=True, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (
        PersonalFields(("test_units",), "identifiers", ("experiments",), "designs", "experiments"),
        staff_fields("created_by"),
    )
    impersonal_fields: ClassVar[dict[str, str]] = {
        "factors": "configuration",
        "condition": "configuration",
        "secondary_metrics": "configuration",
        "guardrail_metrics": "configuration",
    }

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(namespace_low__lt=F("namespace_high"), namespace_high__lte=10_000),
                name="experiment_namespace_range",
            ),
            models.UniqueConstraint(
                fields=["kind"],
                condition=Q(kind="holdout") & ~Q(status__in=["draft", "archived"]),
                name="experiment_one_holdout",
            ),
            # One line of numbers for all namespaces: an exclusion over two columns would need an extension.
            ExclusionConstraint(
                name="experiment_namespace_disjoint",
                expressions=[
                    (
                        Func(
                            F("namespace_id") * 10_000 + F("namespace_low"),
                            F("namespace_id") * 10_000 + F("namespace_high"),
                            function="int8range",
                        ),
                        "&&",
                    )
                ],
                condition=Q(namespace__isnull=False) & ~Q(status="archived"),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Arm(models.Model):
    """One arm. The one at position 0 is the control."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="arms")
    position = models.PositiveSmallIntegerField()
    key = models.CharField(max_length=60, validators=[SLUG])
    name = models.CharField(max_length=120)
    weight = models.FloatField(validators=[MinValueValidator(0.0), MaxValueValidator(1.0)])
    payload = models.JSONField(null=True, blank=True)
    levels = models.JSONField(default=dict, blank=True)
    impersonal_fields: ClassVar[dict[str, str]] = {
        "payload": "configuration",
        "levels": "configuration",
    }

    class Meta:
        ordering: ClassVar[list[str]] = ["experiment", "position"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["experiment", "key"], name="experiment_arm_key"),
            models.UniqueConstraint(fields=["experiment", "position"], name="experiment_arm_position"),
        ]

    def __str__(self) -> str:
        return self.name


class Epoch(models.Model):
    """A time with the same weights. `weights` maps the key of each arm to the share that was intended."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="epochs")
    number = models.PositiveIntegerField()
    weights = models.JSONField()
    started_at = models.DateTimeField()
    impersonal_fields: ClassVar[dict[str, str]] = {
        "weights": "configuration",
    }

    class Meta:
        ordering: ClassVar[list[str]] = ["experiment", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["experiment", "number"], name="experiment_epoch_number")
        ]

    def __str__(self) -> str:
        return f"{self.experiment} epoch {self.number}"


class Step(models.Model):
    """One step in the life of an experiment, and how to undo it.

    `before` and `after` hold the fields that it changed. `audit_event` is its event in the audit log.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="steps")
    number = models.PositiveIntegerField()
    action = models.CharField(max_length=40)
    actor = models.CharField(max_length=120)
    at = models.DateTimeField()
    reason = models.TextField(blank=True, default="")
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    audit_event = models.UUIDField(null=True)
    undone_by = models.OneToOneField("self", null=True, on_delete=models.SET_NULL, related_name="undoes")
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (
        PersonalFields(("before", "after"), "identifiers", ("experiments",), "designs", "experiments"),
        staff_fields("actor"),
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["experiment", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["experiment", "number"], name="experiment_step_number")
        ]

    def __str__(self) -> str:
        return f"{self.experiment} {self.action}"


class Proposal(models.Model):
    """What the policy of an experiment would do, or did: the rule, the numbers it saw, and the answer."""

    class State(models.TextChoices):
        """What became of it. Of a policy that only recommends, a proposal stays open until it no longer holds."""

        OPEN = "open", "Open"
        APPLIED = "applied", "Applied"
        DECLINED = "declined", "Declined"
        EXPIRED = "expired", "No longer holds"

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="proposals")
    action = models.CharField(max_length=20)
    arm = models.CharField(max_length=60, blank=True, default="")
    rule = models.CharField(max_length=40)
    reason = models.TextField(help_text="The sentence that pages show")
    inputs = models.JSONField(help_text="The numbers that the rule saw")
    state = models.CharField(max_length=10, choices=State, default=State.OPEN, db_index=True)
    at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.CharField(max_length=120, blank=True, default="")
    answer = models.TextField(blank=True, default="", help_text="Why it was declined")
    step = models.ForeignKey(Step, null=True, on_delete=models.SET_NULL, related_name="+")
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (staff_fields("decided_by"),)
    impersonal_fields: ClassVar[dict[str, str]] = {
        "inputs": "numbers of many shoppers",
    }

    class Meta:
        ordering: ClassVar[list[str]] = ["experiment", "-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.experiment} {self.action} {self.state}"


class PolicyPause(models.Model):
    """While a row is there, no policy of any experiment does or proposes anything."""

    at = models.DateTimeField()
    actor = models.CharField(max_length=120)
    reason = models.CharField(max_length=500)
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (staff_fields("actor"),)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(models.Value(1), name="experiments_one_policy_pause"),
        ]

    def __str__(self) -> str:
        return f"All policies are paused: {self.reason.rstrip('.')}."
