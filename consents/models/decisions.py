"""Tables of consent: what is asked (purposes, texts, rules) and what was answered (events, states)."""

import hashlib
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models.functions import Lower

from common.ids import uuid7
from common.personal_data import PersonalFields
from consents.state import FIELDS, GPC

BASES = (
    ("consent", "Consent"),
    ("contract", "Contract"),
    ("legitimate_interest", "Legitimate interest"),
    ("legal_obligation", "Legal obligation"),
)
MODES = (("opt_in", "Opt in: nothing before a yes"), ("opt_out", "Opt out: until a no"))
RESERVED_NAMES = (*FIELDS, GPC)
"""Field names of the consent cache that no purpose may take."""


class Purpose(models.Model):
    """One version of what data may be used for. Never changed: a change is the next version."""

    name = models.CharField(max_length=40, validators=[RegexValidator(r"^[a-z][a-z0-9_]*$")])
    version = models.PositiveIntegerField(default=1)
    title = models.CharField(max_length=100)
    description = models.TextField(help_text="In the shopper's words: what happens, and what does not.")
    legal_basis = models.CharField(max_length=20, choices=BASES, default="consent")
    data_categories = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    retention_days = models.PositiveIntegerField(null=True, blank=True)
    recipients = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    sale_or_share = models.BooleanField(
        default=False, help_text="A sale or a sharing in the sense of the CCPA: Global Privacy Control refuses it."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name", "-version"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["name", "version"], name="consents_purpose_version"),
            models.CheckConstraint(condition=~models.Q(name__in=RESERVED_NAMES), name="consents_purpose_not_reserved"),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"


class PolicyText(models.Model):
    """A text that shoppers were shown. Its SHA-256 is kept with each decision, so it can never be swapped later."""

    version = models.CharField(max_length=40)
    language = models.CharField(max_length=10, default="en")
    body = models.TextField()
    sha256 = models.CharField(max_length=64, editable=False)
    published_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-published_at"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["version", "language"], name="consents_policytext_version"),
        ]

    def __str__(self) -> str:
        return f"{self.version} ({self.language})"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Fix the hash with the body."""
        self.sha256 = hashlib.sha256(self.body.encode()).hexdigest()
        super().save(*args, **kwargs)


class RegionRule(models.Model):
    """The rule of one region; it wins over the setting CONSENT_RULES."""

    region = models.CharField(
        max_length=6,
        unique=True,
        validators=[RegexValidator(r"^(\*|[A-Z]{2}(-[A-Z0-9]{1,3})?)$")],
        help_text="A country (DE), a part of one (US-CA), or * for all others.",
    )
    mode = models.CharField(max_length=7, choices=MODES)

    class Meta:
        ordering: ClassVar[list[str]] = ["region"]

    def __str__(self) -> str:
        return f"{self.region}: {self.mode}"


class ConsentKey(models.Model):
    """What a consent tool calls a purpose. Names of purposes, and those built in, need no row."""

    key = models.CharField(max_length=100, help_text="As the tool writes it, in any case: C0005, Statistics.")
    purpose = models.CharField(
        max_length=40, blank=True, help_text="None: the key decides nothing, and nobody is warned of it."
    )

    class Meta:
        ordering: ClassVar[list[str]] = ["key"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                Lower("key"), name="consents_consentkey_once", violation_error_message="This key has a row already."
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key}: {self.purpose or 'nothing'}"


class ConsentEvent(models.Model):
    """The proof of one decision. Append-only: a trigger denies every change, and every delete."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    raw_id = models.TextField()
    purpose = models.CharField(max_length=40)
    purpose_version = models.PositiveIntegerField(null=True)
    given = models.BooleanField()
    at = models.DateTimeField()
    recorded_at = models.DateTimeField(auto_now_add=True)
    message_id = models.TextField()
    source = models.TextField(blank=True)
    policy_version = models.TextField(blank=True)
    policy_sha256 = models.CharField(max_length=64, blank=True)
    region = models.CharField(max_length=6, blank=True)
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (
        PersonalFields(
            ("raw_id", "purpose", "given", "at", "source", "region"),
            "decisions",
            ("accountability",),
            "consent_proof",
            "consents",
        ),
    )

    class Meta:
        verbose_name = verbose_name_plural = "consent proof"
        ordering: ClassVar[list[str]] = ["-at", "-id"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["raw_id", "purpose", "message_id"], name="consents_consentevent_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["-at", "-id"], name="consents_consentevent_at"),
            models.Index(fields=["message_id"], name="consents_consentevent_message"),
        ]

    def __str__(self) -> str:
        return f"{self.raw_id}: {self.purpose} {'yes' if self.given else 'no'}"


class ConsentState(models.Model):
    """The latest decision of a raw id on a purpose; what the consent cache is rebuilt from."""

    raw_id = models.TextField()
    purpose = models.CharField(max_length=40)
    given = models.BooleanField()
    at = models.DateTimeField()
    event_id = models.TextField()
    region = models.CharField(max_length=6, blank=True)
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (
        PersonalFields(
            ("raw_id", "purpose", "given", "region"), "decisions", ("essential",), "consent_proof", "consents"
        ),
    )

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["raw_id", "purpose"], name="consents_consentstate_latest"),
        ]

    def __str__(self) -> str:
        return f"{self.raw_id}: {self.purpose} {'yes' if self.given else 'no'}"
