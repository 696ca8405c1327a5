"""Tables of staff users and API keys."""

from datetime import datetime
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models

from access.scopes import KINDS
from common.personal_data import ACCOUNT, STAFF, PersonalFields, staff_fields


class User(AbstractUser):
    """A member of staff. Shoppers are customers, never users."""

    unconfirmed_changes_by = ArrayField(
        models.CharField(max_length=40),
        default=list,
        db_default=[],
        blank=True,
        editable=False,
        help_text="Who else set up this account since it was confirmed; empty: confirmed",
    )
    has_temporary_password = models.BooleanField(
        default=False, db_default=False, editable=False, help_text="Somebody else set the password"
    )

    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (
        PersonalFields(
            ("username", "first_name", "last_name", "email", "password", "last_login", "date_joined"),
            "account",
            ("security",),
            "staff_accounts",
            ACCOUNT,
            STAFF,
        ),
        staff_fields("unconfirmed_changes_by", retention="staff_accounts"),
    )

    class Meta(AbstractUser.Meta):
        permissions: ClassVar = [("confirm_user", "Can confirm an account that somebody else set up")]


class ApiKey(models.Model):
    """A key of a storefront or server. Of a secret key only digests are stored; while one is rotated, two are valid."""

    name = models.CharField(max_length=100, help_text="Which storefront or server holds this key.")
    kind = models.CharField(max_length=2, choices=KINDS)
    prefix = models.CharField(
        max_length=24, unique=True, editable=False, help_text="The start of the key, to tell keys apart."
    )
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    previous_digest = models.BinaryField(max_length=32, unique=True, null=True, editable=False)
    previous_expires_at = models.DateTimeField(null=True, editable=False)
    scopes = ArrayField(
        models.CharField(max_length=40),
        default=list,
        blank=True,
        help_text="What a secret key may do. A publishable key may collect events and read recommendations.",
    )
    origins = ArrayField(
        models.CharField(max_length=255),
        default=list,
        blank=True,
        help_text="Web origins that may use a publishable key, such as https://shop.example. Empty: any.",
    )
    requires_user_hash = models.BooleanField(
        default=True,
        help_text="Trust a user id from a browser only with its HMAC under the identity secret. Switched off, whoever "
        "knows a user id reads and changes that shopper's recommendations and consent.",
    )
    confirms_orders = models.BooleanField(
        default=False,
        help_text="Count the orders that a browser sends. Switched off, they are unconfirmed until your server sends "
        "the same order id.",
    )
    identity_sealed = models.BinaryField(editable=False)
    text_sealed = models.BinaryField(
        null=True, editable=False, help_text="The text of a publishable key, which stands in pages anyway"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Empty: never.")
    revoked_at = models.DateTimeField(null=True, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    last_answer_at = models.DateTimeField(
        null=True, editable=False, help_text="When a page or a server last asked for recommendations"
    )
    impersonal_fields: ClassVar[dict[str, str]] = {
        "digest": "of a key that names a program",
        "previous_digest": "of a key that names a program",
        "identity_sealed": "a secret of the shop",
        "text_sealed": "a key that stands in pages",
    }

    class Meta:
        verbose_name = "API key"
        ordering: ClassVar[list[str]] = ["-created_at"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=models.Q(kind__in=[kind for kind, _ in KINDS]), name="access_apikey_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def live(self, now: datetime) -> bool:
        """Return whether the key is valid at this moment."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)
