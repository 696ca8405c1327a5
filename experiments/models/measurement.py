"""What is measured: metrics, who saw which arm, sufficient statistics, looks; the arms that subjects keep."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models

from common.personal_data import PersonalFields, staff_fields
from experiments.models.experiment import Experiment

METRIC_KEY = RegexValidator(r"^[a-z][a-z0-9_]*\Z", "Small letters, digits and underscores: repeat_orders.")


class MetricDefinition(models.Model):
    """A metric that a marketer defined; `experiments.metrics.base.Metric` as fields.

    A definition that an experiment used after its start never changes: another key is another metric.
    """

    key = models.CharField(max_length=60, unique=True, validators=[METRIC_KEY])
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True, default="")
    kind = models.CharField(max_length=10, choices=[(one, one) for one in ("proportion", "mean", "ratio")])
    numerator = models.JSONField()
    denominator = models.JSONField(null=True, blank=True)
    display = models.CharField(max_length=10, default="number")
    higher_is_better = models.BooleanField(default=True)
    winsor_share = models.FloatField(null=True, blank=True)
    margin = models.FloatField(default=0.02)
    has_quantiles = models.BooleanField(default=False)
    is_archived = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=120, editable=False)
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (staff_fields("created_by"),)
    impersonal_fields: ClassVar[dict[str, str]] = {
        "numerator": "configuration",
        "denominator": "configuration",
    }

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name


class Look(models.Model):
    """The results of a running experiment at one moment, as they were read: what its chart shows over time.

    Group-sequential tests spend their alpha at these looks. `units` maps arms to units, `results` is
    `ExperimentResults` as JSON, without breakdowns.
    """

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="looks")
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    units = models.JSONField()
    results = models.JSONField()
    impersonal_fields: ClassVar[dict[str, str]] = {
        "units": "numbers of units by arm",
        "results": "numbers of many shoppers",
    }

    class Meta:
        ordering: ClassVar[list[str]] = ["experiment", "number"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["experiment", "number"], name="experiment_look_once")]

    def __str__(self) -> str:
        return f"{self.experiment} look {self.number}"


class StickyArm(models.Model):
    """The arm that a raw id got, so that a login moves nobody. Redis holds the same for answers."""

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="+")
    epoch = models.PositiveIntegerField()
    raw_id = models.TextField(help_text="user:ID or anonymous:ID")
    arm = models.CharField(max_length=60)
    at = models.DateTimeField()
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (
        PersonalFields(("raw_id", "arm"), "assignments", ("experiments",), "experiments", "experiments"),
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["raw_id", "experiment", "epoch"], name="experiment_sticky_once")
        ]

    def __str__(self) -> str:
        return f"{self.raw_id} {self.arm}"


class Exposure(models.Model):
    """One unit that saw an arm in an epoch: the first arm, when, and how often it saw another one.

    A unit is a customer, merged over login: `user:ID`, the smallest of joined ids, or `anonymous:ID`. One with switches
    is quarantined: it is counted, and not analyzed. All rows follow from the recorded events.
    """

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="+")
    epoch = models.PositiveIntegerField()
    unit = models.TextField()
    arm = models.CharField(max_length=60)
    first_at = models.DateTimeField()
    counts_from = models.DateTimeField(null=True, help_text="The first exposure, or the activation; empty before it")
    switches = models.PositiveIntegerField(default=0)
    groups = ArrayField(
        models.TextField(), default=list, help_text="Dimension and value at the first exposure: device:mobile"
    )
    values = ArrayField(
        models.DecimalField(max_digits=18, decimal_places=4),
        default=list,
        help_text="One for each variable; empty where all are 0",
    )
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (
        PersonalFields(
            ("unit", "arm", "groups", "values"), "assignments", ("experiments",), "experiments", "experiments"
        ),
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["unit", "experiment", "epoch"], name="experiment_exposure_once")
        ]

    def __str__(self) -> str:
        return f"{self.unit} {self.arm}"


class CountedPlan(models.Model):
    """What an experiment's numbers were counted by: a hash of arms, variables, time zone and currency; epochs and end.

    Another hash means that the numbers of the experiment are counted again from the log. It is "" while nothing is
    counted, as after archiving. Another moment means that units with events since then are counted again.
    """

    experiment = models.OneToOneField(Experiment, on_delete=models.CASCADE, related_name="+", primary_key=True)
    plan = models.CharField(max_length=64, blank=True)
    moments = models.JSONField(default=dict, help_text="When each epoch began, and the end: seconds since 1970")
    impersonal_fields: ClassVar[dict[str, str]] = {
        "moments": "times of epochs",
    }

    def __str__(self) -> str:
        return f"{self.experiment} {self.plan}"


class BusyUnit(models.Model):
    """A unit with so many events that it is counted anew only now and then: a robot, most likely."""

    unit = models.TextField(primary_key=True)
    due_at = models.DateTimeField(db_index=True)
    has_news = models.BooleanField(default=False, help_text="Whether it did something since it was counted")
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (
        PersonalFields(("unit",), "assignments", ("experiments",), "experiments", "experiments"),
    )

    def __str__(self) -> str:
        return f"{self.unit} {self.due_at}"


class Cell(models.Model):
    """Sufficient statistics: the units of an arm in one epoch that share a value of one dimension.

    The dimension "" holds all units; `day` is the day of the first exposure; others are device, visitor, segment and
    placement. Units that declare to be machines are in the cell `device` `bot` alone; `capped` `lists`
    holds those that saw more lists than count.
    `sums` and `products` follow the variables of the experiment: Σxᵢ, and Σxᵢxⱼ for i ≤ j, row by row. They are decimal
    numbers, so adding and taking out is exact and a rebuild gives the same. `sketches` maps the place of a variable
    to a sketch of its values. Quarantined units are in no cell but count in `quarantined`.
    """

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="cells")
    epoch = models.PositiveIntegerField()
    arm = models.CharField(max_length=60)
    dimension = models.CharField(max_length=20, blank=True)
    value = models.CharField(max_length=120, blank=True)
    n = models.BigIntegerField(default=0)
    quarantined = models.BigIntegerField(default=0)
    sums = ArrayField(models.DecimalField(max_digits=40, decimal_places=4), default=list)
    products = ArrayField(models.DecimalField(max_digits=60, decimal_places=8), default=list)
    sketches = models.JSONField(default=dict)
    impersonal_fields: ClassVar[dict[str, str]] = {
        "sketches": "of the values of many shoppers",
    }

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["experiment", "epoch", "arm", "dimension", "value"], name="experiment_cell_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.experiment} {self.epoch} {self.arm} {self.dimension} {self.value}"


class Withheld(models.Model):
    """How many answers and exposures of a day did not count, by reason; nobody is named."""

    class Reason(models.TextChoices):
        """Why they did not count."""

        NO_CONSENT = "no_consent", "The shopper may not be experimented on and got the control"
        UNDECIDED = "undecided", "An SDK reported an exposure of a shopper who did not consent"

    experiment = models.ForeignKey(Experiment, on_delete=models.CASCADE, related_name="+")
    day = models.DateField()
    arm = models.CharField(max_length=60)
    reason = models.CharField(max_length=20, choices=Reason)
    n = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "withheld"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["experiment", "day", "arm", "reason"], name="experiment_withheld_once")
        ]

    def __str__(self) -> str:
        return f"{self.experiment} {self.day} {self.reason}"
