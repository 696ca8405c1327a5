"""Waivers: two persons let a version go live although it failed the gate. Database constraints enforce two persons."""

from datetime import timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models

from common.personal_data import PersonalFields, staff_fields
from modelops.models.registry import ModelVersion

LONGEST = timedelta(days=30)


class ModelWaiver(models.Model):
    """A waiver: requested by one person, approved by another, with reason and expiry. Never edited, only closed."""

    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="waivers")
    reason = models.TextField(help_text="Why this version should go live although it failed; kept in the audit log")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="waivers_requested"
    )
    requested_at = models.DateTimeField()
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="waivers_approved"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField()
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="waivers_closed"
    )
    closed_at = models.DateTimeField(null=True, blank=True, help_text="When it was declined, or taken back")
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (staff_fields("requested_by", "approved_by", "closed_by"),)

    class Meta:
        ordering = ["-requested_at", "-id"]
        permissions: ClassVar = [("approve_modelwaiver", "Can approve a waiver that somebody else asked for")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(approved_by__isnull=True) | ~models.Q(approved_by=models.F("requested_by")),
                name="waiver_takes_two_persons",
            ),
            models.CheckConstraint(
                condition=models.Q(approved_by__isnull=True, approved_at__isnull=True)
                | models.Q(approved_by__isnull=False, approved_at__isnull=False),
                name="waiver_approved_by_and_at",
            ),
            models.CheckConstraint(
                condition=models.Q(closed_by__isnull=True, closed_at__isnull=True)
                | models.Q(closed_by__isnull=False, closed_at__isnull=False),
                name="waiver_closed_by_and_at",
            ),
            models.CheckConstraint(
                condition=models.Q(expires_at__gt=models.F("requested_at"))
                & models.Q(expires_at__lte=models.F("requested_at") + models.Value(LONGEST)),
                name="waiver_at_most_30_days",
            ),
            models.CheckConstraint(condition=~models.Q(reason=""), name="waiver_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"waiver {self.pk} of {self.model_version}"
