"""Tables of events (by month), rejected events, counts without ids, offsets and orders."""

from typing import ClassVar, Final

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex, GinIndex
from django.core.validators import RegexValidator
from django.db import models

from common.personal_data import PersonalFields

USES: Final = ("analytics", "personalization", "train_models", "experiments", "crm_sync", "ads_share")
"""Purposes that an event may be used for; `Event.allowed` says which of them."""


class Event(models.Model):
    """One event, stored once. Partitioned by month of `at`; the recorder writes it with COPY, nobody changes it."""

    id = models.UUIDField(primary_key=True)
    message_id = models.TextField()
    at = models.DateTimeField(help_text="When it happened, by the corrected clock of the sender.")
    received_at = models.DateTimeField()
    kind = models.CharField(max_length=10)
    name = models.TextField(blank=True)
    user_id = models.TextField(null=True)
    anonymous_id = models.TextField(null=True)
    previous_id = models.TextField(null=True)
    claimed_user_id = models.TextField(
        null=True, help_text="The user that a browser named without proof: the event is its device's alone."
    )
    sender = models.TextField(
        blank=True,
        help_text="browser; trusted_browser where the key's orders count without the server's; empty: a server.",
    )
    properties = models.JSONField(default=dict)
    traits = models.JSONField(default=dict)
    context = models.JSONField(default=dict)
    consents = models.JSONField(default=dict)
    allowed = ArrayField(models.TextField(), default=list, help_text="Purposes that were allowed when it was accepted.")
    source = models.TextField(blank=True)
    shard = models.SmallIntegerField()
    log_offset = models.BigIntegerField()
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (
        PersonalFields(
            ("user_id", "anonymous_id", "previous_id", "claimed_user_id"), "identifiers", USES, "events", "events"
        ),
        PersonalFields(("properties", "context"), "browsing", USES, "events", "events"),
        PersonalFields(("traits",), "contact", ("service", "personalization"), "events", "events"),
        PersonalFields(("consents",), "decisions", ("accountability",), "events", "events"),
    )

    class Meta:
        db_table = "events_event"
        verbose_name = "event"

    def __str__(self) -> str:
        return f"{self.name or self.kind} {self.message_id}"


class Dedupe(models.Model):
    """A recorded message id. A table of its own, because one partitioned by event time cannot have this key."""

    message_hash = models.UUIDField(primary_key=True, help_text="The first 16 bytes of BLAKE2b of the message id.")
    seen_on = models.DateField()

    class Meta:
        db_table = "events_dedupe"

    def __str__(self) -> str:
        return str(self.message_hash)


class Offset(models.Model):
    """The offset of a consumer that stores its results in PostgreSQL; written in the transaction of the results."""

    pk = models.CompositePrimaryKey("consumer", "shard")
    consumer = models.CharField(max_length=40)
    shard = models.SmallIntegerField()
    log_offset = models.BigIntegerField(default=0)

    class Meta:
        db_table = "events_offset"

    def __str__(self) -> str:
        return f"{self.consumer}/{self.shard} at {self.log_offset}"


class SetAside(models.Model):
    """A rejected event: an invalid item of a valid batch, or an entry that could not be recorded, with the reason.

    A warning stands here too: what it is about was not rejected, and its row counts how often it was so that day.
    """

    message_id = models.TextField(null=True, blank=True)
    reason = models.TextField()
    field = models.TextField(blank=True)
    payload = models.TextField(help_text="The item as it came, cut at 32 KB.")
    request_context = models.JSONField(
        default=dict, help_text="What the request said for all its items: privacy signal, region, shared context."
    )
    source = models.TextField(blank=True)
    received_at = models.DateTimeField()
    shard = models.SmallIntegerField()
    log_offset = models.BigIntegerField()
    replayed_at = models.DateTimeField(null=True, blank=True)
    replay_error = models.TextField(blank=True)
    warning = models.TextField(
        null=True, blank=True, unique=True, help_text="Day and subject of a warning; empty for a rejected event."
    )
    times = models.PositiveIntegerField(default=1, help_text="How often on that day; a rejected event counts once.")
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (
        PersonalFields(("payload", "request_context"), "browsing", ("service",), "rejected_events", "events"),
    )

    class Meta:
        db_table = "events_setaside"
        verbose_name = "rejected event"
        constraints = [models.UniqueConstraint(fields=["shard", "log_offset"], name="events_setaside_once")]
        indexes = [models.Index(fields=["-received_at"], name="events_setaside_received")]

    def __str__(self) -> str:
        return f"{self.message_id or 'item'}: {self.reason}"


class Count(models.Model):
    """A count of events that may not be kept: no ids, no address."""

    day = models.DateField()
    name = models.TextField()
    reason = models.TextField()
    n = models.BigIntegerField(default=0)

    class Meta:
        db_table = "events_count"
        constraints = [models.UniqueConstraint(fields=["day", "name", "reason"], name="events_count_once")]

    def __str__(self) -> str:
        return f"{self.day} {self.name} ({self.reason}): {self.n}"


class Order(models.Model):
    """An order as its events describe it: content of the latest Completed or Updated, status of the latest event.

    What browsers send stands in rows of their own, one for each raw id, until a server sends the order.
    """

    order_id = models.TextField()
    claimed_by = models.TextField(
        blank=True,
        default="",
        help_text="The raw id whose browser sent it, until the shop's server sends the same order id.",
    )
    confirmed = models.BooleanField(default=True)
    user_id = models.TextField(null=True, blank=True)
    anonymous_id = models.TextField(null=True, blank=True)
    status = models.CharField(max_length=10, default="")
    placed_at = models.DateTimeField(null=True)
    revenue = models.DecimalField(max_digits=18, decimal_places=4, null=True)
    revenue_basis = models.CharField(max_length=10, default="unknown")
    total = models.DecimalField(max_digits=18, decimal_places=4, null=True)
    shipping = models.DecimalField(max_digits=18, decimal_places=4, null=True)
    tax = models.DecimalField(max_digits=18, decimal_places=4, null=True)
    discount = models.DecimalField(max_digits=18, decimal_places=4, null=True)
    currency = models.CharField(max_length=3, default="", blank=True)
    coupon = models.TextField(blank=True, default="")
    refunded = models.DecimalField(
        max_digits=18,
        decimal_places=4,
        default=0,
        help_text="Stated amounts, and returned units at the order's prices.",
    )
    refunded_stated = models.DecimalField(
        max_digits=18, decimal_places=4, default=0, help_text="Sum of the amounts that refunds stated."
    )
    returned_units = models.JSONField(default=dict, help_text="Units by product of refunds that stated no amount.")
    wholly_refunded = models.BooleanField(default=False)
    status_at = models.DateTimeField(null=True)
    status_message = models.TextField(default="")
    content_at = models.DateTimeField(null=True)
    content_message = models.TextField(default="")
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (
        PersonalFields(
            ("user_id", "anonymous_id", "claimed_by"), "identifiers", ("essential", "tax"), "orders", "events"
        ),
        PersonalFields(
            ("order_id", "coupon", "revenue", "placed_at"), "purchases", ("essential", "tax"), "orders", "events"
        ),
    )
    impersonal_fields: ClassVar[dict[str, str]] = {
        "returned_units": "products and numbers",
    }

    class Meta:
        db_table = "events_order"
        constraints = [models.UniqueConstraint(fields=["order_id", "claimed_by"], name="events_order_once")]
        indexes = [
            models.Index(fields=["user_id", "-placed_at"], name="events_order_user"),
            models.Index(fields=["anonymous_id", "-placed_at"], name="events_order_anonymous"),
            models.Index(fields=["-placed_at"], name="events_order_placed"),
        ]

    def __str__(self) -> str:
        return self.order_id


class OrderLine(models.Model):
    """One product of an order, with the columns that customer histories are queried by."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="lines")
    position = models.SmallIntegerField()
    product_id = models.TextField()
    quantity = models.DecimalField(max_digits=18, decimal_places=4)
    price = models.DecimalField(max_digits=18, decimal_places=4, null=True)
    list_id = models.TextField(blank=True, default="")
    raw_id = models.TextField(help_text="user:ID, else anonymous:ID")
    placed_at = models.DateTimeField(null=True)
    personal_fields: ClassVar[tuple[PersonalFields, ...]] = (
        PersonalFields(("raw_id", "product_id", "quantity"), "purchases", ("essential", "tax"), "orders", "events"),
    )

    class Meta:
        db_table = "events_orderline"
        constraints = [models.UniqueConstraint(fields=["order", "position"], name="events_orderline_once")]
        indexes = [
            models.Index(fields=["raw_id", "-placed_at"], name="events_orderline_raw_id"),
            models.Index(fields=["product_id", "-placed_at"], name="events_orderline_product"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity.normalize():f} x {self.product_id}"


RANDOM_GROUP: Final = "One of 128 groups of shoppers, by a hash of the id: all answers of a shopper fall into one."


class ServedAnswer(models.Model):
    """One answer, by the id that clicks and order lines name. It names no shopper."""

    recommendation_id = models.TextField(primary_key=True)
    placement = models.TextField()
    personalized = models.BooleanField()
    at = models.DateTimeField()
    measured_rules = ArrayField(models.TextField(), null=True, help_text="Rules applied by lot: `id.version`.")
    held_out_rules = ArrayField(models.TextField(), null=True, help_text="Rules held out by lot: `id.version`.")
    random_group = models.SmallIntegerField(db_default=0, help_text=RANDOM_GROUP)

    class Meta:
        db_table = "events_served_answer"
        indexes = [BrinIndex(fields=["at"], name="events_served_answer_at")]

    def __str__(self) -> str:
        return self.recommendation_id


class Impressions(models.Model):
    """How often a placement showed a product at a position on one day of the shop."""

    placement = models.TextField()
    day = models.DateField()
    personalized = models.BooleanField()
    position = models.SmallIntegerField(help_text="From 1; 0 counts answers, also empty ones.")
    n = models.BigIntegerField()

    class Meta:
        db_table = "events_impressions"
        constraints = [
            models.UniqueConstraint(
                fields=["placement", "day", "personalized", "position"], name="events_impressions_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.n} x {self.placement} {self.day}"


class ProductImpressions(models.Model):
    """How often a placement showed one product on one day of the shop."""

    product_id = models.TextField()
    day = models.DateField()
    placement = models.TextField()
    personalized = models.BooleanField()
    n = models.BigIntegerField()

    class Meta:
        db_table = "events_product_impressions"
        constraints = [
            models.UniqueConstraint(
                fields=["product_id", "day", "placement", "personalized"], name="events_product_impressions_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.n} x {self.product_id} {self.day}"


class RuleImpressions(models.Model):
    """How many answers of one day a rule with a hold-out applied to, or was held out of."""

    rule = models.TextField(help_text="`id.version`")
    day = models.DateField()
    held_out = models.BooleanField()
    random_group = models.SmallIntegerField(help_text=RANDOM_GROUP)
    n = models.BigIntegerField()

    class Meta:
        db_table = "events_rule_impressions"
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "day", "held_out", "random_group"], name="events_rule_impressions_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.n} x {self.rule} {self.day}"


class Outcome(models.Model):
    """What became of a product that an answer showed: clicked, put into a cart, or bought. It names no shopper.

    `placement` is "" until the answer is known.
    """

    recommendation_id = models.TextField()
    product_id = models.TextField()
    kind = models.CharField(max_length=5, choices=[(kind, kind) for kind in ("click", "cart", "order")])
    order_key = models.CharField(max_length=32, blank=True, help_text="A hash of the order's id; empty without order.")
    at = models.DateTimeField()
    day = models.DateField()
    position = models.SmallIntegerField(default=0, help_text="Where it was clicked, from 1; 0: not said.")
    quantity = models.DecimalField(max_digits=18, decimal_places=4, default=0)
    revenue = models.DecimalField(max_digits=18, decimal_places=4, default=0)
    placement = models.TextField(blank=True, default="")
    personalized = models.BooleanField(default=False)
    measured_rules = ArrayField(models.TextField(), null=True)
    held_out_rules = ArrayField(models.TextField(), null=True)
    random_group = models.SmallIntegerField(db_default=0, help_text=RANDOM_GROUP)

    class Meta:
        db_table = "events_outcome"
        constraints = [
            models.UniqueConstraint(
                fields=["recommendation_id", "product_id", "kind", "order_key"], name="events_outcome_once"
            )
        ]
        indexes = [
            models.Index(fields=["placement", "day"], name="events_outcome_day"),
            models.Index(fields=["product_id", "day"], name="events_outcome_product"),
            GinIndex(fields=["measured_rules"], name="events_outcome_measured"),
            GinIndex(fields=["held_out_rules"], name="events_outcome_held_out"),
            models.Index(fields=["order_key"], condition=~models.Q(order_key=""), name="events_outcome_order"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.product_id}"


class AllowedField(models.Model):
    """One field of the shop's own that events may hold, and the purposes of which each needs it."""

    path = models.CharField(
        max_length=150,
        unique=True,
        validators=[RegexValidator(r"^(properties|properties\.products\[\]|traits|context)\.(\*|[^*]+)$")],
        help_text="properties.color, properties.products[].brand, traits.plan or context.till; * means all.",
    )
    purposes = ArrayField(models.CharField(max_length=40))
    reason = models.TextField(blank=True, help_text="What the shop needs it for.")
    version = models.PositiveIntegerField(default=1, editable=False)

    class Meta:
        db_table = "events_allowed_field"
        ordering: ClassVar[list[str]] = ["path"]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=~models.Q(purposes=[]), name="events_allowed_field_purposes"),
        ]

    def __str__(self) -> str:
        return f"{self.path}: {', '.join(self.purposes)}"
