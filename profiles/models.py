"""Segments, the clusters behind them, the jobs on them, and their sizes over time; and the history of the live counts.

Who is in a segment stands in Redis.
"""

from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models

from common.personal_data import PersonalFields, staff_fields


class SegmentKind(models.TextChoices):
    """Who decides about the members of a segment."""

    RULE = "rule", "Rule"
    CLUSTER = "cluster", "Likeness"


class Segment(models.Model):
    """One segment. The version grows with every change of its rule."""

    key = models.CharField(
        max_length=60,
        unique=True,
        validators=[RegexValidator(r"^[a-z0-9][a-z0-9-]*\Z", "Small letters, digits and hyphens: chair-fans.")],
        help_text="Small letters, digits and hyphens: chair-fans. Rules and the API name the segment by it.",
    )
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=SegmentKind, default=SegmentKind.RULE, editable=False)
    rule = models.JSONField(default=dict, blank=True)
    cluster = models.PositiveIntegerField(null=True, unique=True, editable=False)
    description = models.TextField(blank=True, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    impersonal_fields: ClassVar[dict[str, str]] = {
        "rule": "configuration",
    }

    class Meta:
        ordering: ClassVar[list[str]] = ["kind", "name"]

    def __str__(self) -> str:
        return self.name


class SegmentClustering(models.Model):
    """One fit of the clusters; the latest one decides. `state` is the JSON of `segments.online.clustering`."""

    state = models.JSONField()
    keys = models.JSONField(help_text="The lasting number of each cluster, in the order of the fit")
    report = models.JSONField(default=dict, help_text="Silhouettes, sizes, and how many kept their segment")
    created_at = models.DateTimeField(auto_now_add=True)
    impersonal_fields: ClassVar[dict[str, str]] = {
        "state": "means of many shoppers",
        "keys": "of segments",
        "report": "numbers of many shoppers",
    }

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"clusters {self.pk}"


class SegmentJobKind(models.TextChoices):
    """What a job does."""

    FILL = "fill", "Determine members"
    COUNT = "count", "Count exactly"
    REFIT = "refit", "Fit clusters"


class SegmentJobState(models.TextChoices):
    """The state of a job."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class SegmentJob(models.Model):
    """One job, with the progress that it writes while it works."""

    kind = models.CharField(max_length=10, choices=SegmentJobKind)
    state = models.CharField(max_length=10, choices=SegmentJobState, default=SegmentJobState.QUEUED)
    step = models.CharField(max_length=200, blank=True)
    progress = models.FloatField(default=0.0, help_text="0 to 1")
    message = models.TextField(blank=True)
    rule = models.JSONField(null=True, blank=True, help_text="Of a count: the rule")
    result = models.JSONField(default=dict, blank=True)
    actor = models.CharField(max_length=120)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (staff_fields("actor"),)
    impersonal_fields: ClassVar[dict[str, str]] = {
        "rule": "configuration",
        "result": "numbers of many shoppers",
    }

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.get_kind_display().lower()} {self.pk}"


class SegmentCount(models.Model):
    """The members of one segment at one full hour."""

    segment_key = models.CharField(max_length=60)
    hour = models.DateTimeField()
    members = models.PositiveBigIntegerField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["segment_key", "hour"], name="segment_count_hour")
        ]

    def __str__(self) -> str:
        return f"{self.segment_key} {self.hour:%Y-%m-%d %H}"


class SegmentFlow(models.Model):
    """How many people went from one segment to another on one day; "" is outside of both."""

    day = models.DateField()
    source = models.CharField(max_length=60, blank=True)
    target = models.CharField(max_length=60, blank=True)
    people = models.PositiveBigIntegerField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["day", "source", "target"], name="segment_flow_day")
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.source or 'outside'} to {self.target or 'outside'}"


class CountHistory(models.Model):
    """A part of the history of the live counts: all counts of a moment, or the changes after the row before it.

    `position` is the last position of the stream of changes that it covers, `after` the one it follows; 0 for all
    counts. `content` is compressed JSON (`services.count_history`). It names no shopper.
    """

    position = models.BigIntegerField(unique=True)
    after = models.BigIntegerField(default=0)
    content = models.BinaryField()
    at = models.DateTimeField(auto_now_add=True, db_index=True)
    impersonal_fields: ClassVar[dict[str, str]] = {
        "content": "counts of products, without ids",
    }

    def __str__(self) -> str:
        return f"counts to {self.position}"
