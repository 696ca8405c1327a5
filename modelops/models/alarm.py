"""Alarms about data and models, and the stored checks of the nightly watch."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from common.personal_data import PersonalFields, staff_fields
from modelops.models.registry import ModelVersion, TrainingRun


class AlarmKind(models.TextChoices):
    """The subject of an alarm."""

    DATA = "data", "Training data"
    STABILITY = "stability", "Steadiness of answers"
    DRIFT = "drift", "Drift of traffic"


class ModelAlarm(models.Model):
    """An alarm for staff. At most one per kind is open; raising it again only counts."""

    kind = models.CharField(max_length=10, choices=AlarmKind)
    message = models.TextField(help_text="One clause per failed check")
    checks = models.JSONField(default=list, blank=True)
    model_version = models.ForeignKey(
        ModelVersion, null=True, blank=True, on_delete=models.SET_NULL, related_name="alarms"
    )
    run = models.ForeignKey(TrainingRun, null=True, blank=True, on_delete=models.SET_NULL, related_name="alarms")
    raised_at = models.DateTimeField()
    latest_at = models.DateTimeField(help_text="When it was raised last")
    times = models.PositiveIntegerField(default=1, help_text="How often it was raised")
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="alarms_settled"
    )
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (staff_fields("settled_by"),)
    impersonal_fields: ClassVar[dict[str, str]] = {
        "checks": "numbers of many shoppers",
    }

    class Meta:
        ordering: ClassVar = ["-latest_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind"], condition=models.Q(settled_at__isnull=True), name="one_open_alarm_a_kind"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.raised_at:%Y-%m-%d}"


class ModelDrift(models.Model):
    """The checks of one night: the last day's traffic against the training data, and the served answers."""

    model_version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="drift")
    taken_at = models.DateTimeField()
    rows = models.PositiveIntegerField(help_text="Interactions of the day")
    checks = models.JSONField(default=list, blank=True)
    impersonal_fields: ClassVar[dict[str, str]] = {
        "checks": "numbers of many shoppers",
    }

    class Meta:
        ordering: ClassVar = ["-taken_at", "-id"]

    def __str__(self) -> str:
        return f"{self.model_version}, {self.taken_at:%Y-%m-%d}"
