"""Tables of the privacy desk: requests of shoppers, their steps by store, and the marks of erased ids.

No row holds an id, an address or a reason in the clear: they are sealed, and go when the request is closed.
"""

from typing import ClassVar

from django.db import models

from common.ids import uuid7
from common.personal_data import CLOSING, MARK, PersonalFields, staff_fields


class Kind(models.TextChoices):
    """What a shopper may ask for."""

    ACCESS = "access", "Access: what do you hold about me?"
    PORTABILITY = "portability", "Portability: my data as files"
    ERASURE = "erasure", "Erasure: delete what you hold"
    RECTIFICATION = "rectification", "Rectification: correct what you hold"
    RESTRICTION = "restriction", "Restriction: keep it, and do not use it"
    OBJECTION = "objection", "Objection or opt-out: stop using it"


class Regime(models.TextChoices):
    """The law whose deadlines count."""

    GDPR = "gdpr", "GDPR"
    CCPA = "ccpa", "CCPA"


class RequestStatus(models.TextChoices):
    """How far a request is. `completed`, `no_data` and `refused` close it."""

    IDENTITY_CHECK = "identity_check", "Identity check"
    OPEN = "open", "Open"
    IN_PROGRESS = "in_progress", "In progress"
    COMPLETED = "completed", "Completed"
    NO_DATA = "no_data", "No data"
    REFUSED = "refused", "Refused"


class IdentityMethod(models.TextChoices):
    """How it was proven that the shopper asks."""

    LINK = "link", "One-time link to a contact that the shop knew"
    LOGIN = "login", "Login at the shop (user_hash)"
    DEVICE = "device", "The browser's own secret id"
    STAFF = "staff", "Checked by staff"


class StoreState(models.TextChoices):
    """How far a request is in one store."""

    PENDING = "pending", "Pending"
    ERASED = "erased", "Erased, not verified"
    VERIFIED = "verified", "Verified: nothing left"
    FAILED = "failed", "Failed"


class PrivacyRequest(models.Model):
    """One request of one shopper. `subject_mark` finds the requests about an id; the id itself is sealed."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=13, choices=Kind)
    regime = models.CharField(max_length=4, choices=Regime, default=Regime.GDPR)
    status = models.CharField(max_length=14, choices=RequestStatus, default=RequestStatus.IDENTITY_CHECK)
    received_at = models.DateTimeField()
    due_on = models.DateField()
    acknowledge_by = models.DateField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    extended_at = models.DateTimeField(null=True)
    opened_by = models.TextField(help_text="The key or the member of staff who brought it in.")

    subject_mark = models.CharField(max_length=64)
    sealed_content = models.BinaryField(null=True)
    token_hash = models.CharField(max_length=64, blank=True, default="")
    token_expires_at = models.DateTimeField(null=True)
    identity_method = models.CharField(max_length=6, choices=IdentityMethod, blank=True, default="")
    identity_at = models.DateTimeField(null=True)

    searched_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    receipt = models.JSONField(null=True)
    receipt_sha256 = models.CharField(max_length=64, blank=True, default="")
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (
        PersonalFields(("subject_mark", "sealed_content"), "requests", ("accountability",), "requests", CLOSING),
        staff_fields("opened_by", retention="requests"),
    )
    impersonal_fields: ClassVar[dict[str, str]] = {
        "receipt": "fields and counts by store; names nobody",
    }

    class Meta:
        ordering: ClassVar[list[str]] = ["due_on", "id"]
        permissions: ClassVar = [("fulfil_privacyrequest", "Can search, export, erase and answer for a shopper")]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["due_on", "id"], name="consents_request_due"),
            models.Index(fields=["subject_mark"], name="consents_request_subject"),
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(next_attempt_at__isnull=False),
                name="consents_request_attempt",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display().partition(':')[0]} {self.short_id}"

    @property
    def short_id(self) -> str:
        """The last part of the id, which staff and shoppers can say on the phone."""
        return str(self.id)[-12:]

    @property
    def is_closed(self) -> bool:
        """Whether the request was answered."""
        return self.closed_at is not None


class StoreStep(models.Model):
    """What one request did in one store. `holdings` lists table, fields and count; never an id."""

    request = models.ForeignKey(PrivacyRequest, on_delete=models.CASCADE, related_name="steps")
    store = models.CharField(max_length=60)
    state = models.CharField(max_length=8, choices=StoreState, default=StoreState.PENDING)
    holdings = models.JSONField(default=list)
    erased = models.PositiveBigIntegerField(default=0)
    remaining = models.PositiveBigIntegerField(null=True)
    error = models.TextField(blank=True, default="")
    at = models.DateTimeField(null=True)
    impersonal_fields: ClassVar[dict[str, str]] = {
        "holdings": "fields and counts; names nobody",
        "request": "the request holds who it is about",
    }

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["request", "store"], name="consents_storestep_once"),
        ]

    def __str__(self) -> str:
        return f"{self.store}: {self.state}"


class ErasureMark(models.Model):
    """The keyed mark of an erased id: it keeps the shopper from coming back with late or repeated events."""

    mark = models.CharField(max_length=64, primary_key=True)
    at = models.DateTimeField()
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (
        PersonalFields(("mark",), "identifiers", ("accountability",), "erasure_marks", MARK),
    )

    def __str__(self) -> str:
        return self.mark[:12]
