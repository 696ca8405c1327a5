"""Customers and the links between ids."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from common.personal_data import PersonalFields


class Customer(models.Model):
    """One raw id with its attributes: `attributes` holds the latest value of each name, personal ones sealed."""

    raw_id = models.TextField(unique=True, help_text="user:ID, or anonymous:ID where attributes came before a login.")
    attributes = models.JSONField(default=dict, blank=True)
    attribute_stamps = models.JSONField(
        default=dict,
        blank=True,
        help_text="Per attribute the time (microseconds), the message id, and true if its sender may name addresses.",
    )
    search_tokens = ArrayField(
        models.BigIntegerField(), default=list, blank=True, help_text="Keyed hashes of the beginnings of names."
    )
    email_hash = models.CharField(
        max_length=64, blank=True, default="", help_text="Keyed hash of the e-mail address's SHA-256, if one is known."
    )
    proven_email_hash = models.CharField(
        max_length=64, blank=True, default="", help_text="The same, of an address to which a link may be sent."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (
        PersonalFields(("raw_id",), "identifiers", ("service", "personalization"), "customers", "customers"),
        PersonalFields(("attributes",), "contact", ("service", "personalization"), "customers", "customers"),
        PersonalFields(
            ("search_tokens", "email_hash", "proven_email_hash"), "contact", ("service",), "customers", "customers"
        ),
    )
    impersonal_fields: ClassVar[dict[str, str]] = {"attribute_stamps": "times and message ids of the attributes"}

    class Meta:
        db_table = "customers_customer"
        permissions: ClassVar = [("view_personal_data", "Can see names and contact data of customers")]
        indexes: ClassVar = [
            GinIndex(fields=["search_tokens"], name="customers_customer_search"),
            models.Index(fields=["email_hash"], condition=~models.Q(email_hash=""), name="customers_customer_email"),
            models.Index(
                fields=["proven_email_hash"],
                condition=~models.Q(proven_email_hash=""),
                name="customers_customer_proven",
            ),
        ]

    def __str__(self) -> str:
        return self.raw_id


class CustomerLink(models.Model):
    """A link, never changed: an anonymous id claimed by a user (`identify`), or two users joined (`alias`)."""

    KINDS: ClassVar = [("claim", "identify"), ("join", "alias")]

    kind = models.CharField(max_length=5, choices=KINDS)
    from_id = models.TextField(help_text="claim: the anonymous id; join: the previous user id.")
    user_id = models.TextField()
    at = models.DateTimeField()
    message_id = models.TextField()
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (
        PersonalFields(("from_id", "user_id"), "identifiers", ("service", "cross_device"), "customers", "customers"),
    )

    class Meta:
        db_table = "customers_link"
        constraints = [models.UniqueConstraint(fields=["kind", "from_id", "message_id"], name="customers_link_once")]
        indexes = [models.Index(fields=["user_id"], name="customers_link_user")]

    def __str__(self) -> str:
        return f"{self.kind} {self.from_id} -> {self.user_id}"


class ShopId(models.Model):
    """The way back from a pseudonym to the shop's id, which is encrypted. An erasure deletes the row."""

    pseudonym = models.TextField(unique=True)
    sealed_id = models.BinaryField()
    kept_at = models.DateTimeField(auto_now_add=True)
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (
        PersonalFields(
            ("pseudonym", "sealed_id"), "identifiers", ("service", "personalization"), "customers", "customers"
        ),
    )

    class Meta:
        db_table = "customers_shop_id"

    def __str__(self) -> str:
        return self.pseudonym
