"""The tables of what happened; events are partitioned by month of event time."""

from typing import ClassVar

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models

from events.migrations._allowed_fields import ALLOWED_FIELDS, ALLOWED_OPTIONS
from events.migrations._partitions import EVENT, MONTHS, UNDO

MONEY: dict[str, int] = {"max_digits": 18, "decimal_places": 4}
RANDOM_GROUP = "One of 128 groups of shoppers, by a hash of the id: all answers of a shopper fall into one."


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar[list[tuple[str, str]]] = []

    operations: ClassVar[list[migrations.operations.base.Operation]] = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(EVENT, migrations.RunSQL.noop), migrations.RunSQL(MONTHS, UNDO)],
            state_operations=[
                migrations.CreateModel(
                    name="Event",
                    fields=[
                        ("id", models.UUIDField(primary_key=True, serialize=False)),
                        ("message_id", models.TextField()),
                        (
                            "at",
                            models.DateTimeField(help_text="When it happened, by the corrected clock of the sender."),
                        ),
                        ("received_at", models.DateTimeField()),
                        ("kind", models.CharField(max_length=10)),
                        ("name", models.TextField(blank=True)),
                        ("user_id", models.TextField(null=True)),
                        ("anonymous_id", models.TextField(null=True)),
                        ("previous_id", models.TextField(null=True)),
                        (
                            "claimed_user_id",
                            models.TextField(
                                help_text="The user that a browser named without proof: the event is its device's alone.",
                                null=True,
                            ),
                        ),
                        (
                            "sender",
                            models.TextField(
                                blank=True,
                                help_text="browser; trusted_browser where the key's orders count without the server's; empty: a server.",
                            ),
                        ),
                        ("properties", models.JSONField(default=dict)),
                        ("traits", models.JSONField(default=dict)),
                        ("context", models.JSONField(default=dict)),
                        ("consents", models.JSONField(default=dict)),
                        (
                            "allowed",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.TextField(),
                                default=list,
                                help_text="Purposes that were allowed when it was accepted.",
                                size=None,
                            ),
                        ),
                        ("source", models.TextField(blank=True)),
                        ("shard", models.SmallIntegerField()),
                        ("log_offset", models.BigIntegerField()),
                    ],
                    options={"verbose_name": "event", "db_table": "events_event"},
                ),
            ],
        ),
        migrations.CreateModel(
            name="Dedupe",
            fields=[
                (
                    "message_hash",
                    models.UUIDField(
                        help_text="The first 16 bytes of BLAKE2b of the message id.", primary_key=True, serialize=False
                    ),
                ),
                ("seen_on", models.DateField()),
            ],
            options={"db_table": "events_dedupe"},
        ),
        migrations.RunSQL(
            "CREATE INDEX events_dedupe_seen_on ON events_dedupe USING brin (seen_on)", migrations.RunSQL.noop
        ),
        migrations.CreateModel(
            name="Offset",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "consumer", "shard", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("consumer", models.CharField(max_length=40)),
                ("shard", models.SmallIntegerField()),
                ("log_offset", models.BigIntegerField(default=0)),
            ],
            options={"db_table": "events_offset"},
        ),
        migrations.CreateModel(
            name="SetAside",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("message_id", models.TextField(blank=True, null=True)),
                ("reason", models.TextField()),
                ("field", models.TextField(blank=True)),
                ("payload", models.TextField(help_text="The item as it came, cut at 32 KB.")),
                (
                    "request_context",
                    models.JSONField(
                        default=dict,
                        help_text="What the request said for all its items: privacy signal, region, shared context.",
                    ),
                ),
                ("source", models.TextField(blank=True)),
                ("received_at", models.DateTimeField()),
                ("shard", models.SmallIntegerField()),
                ("log_offset", models.BigIntegerField()),
                ("replayed_at", models.DateTimeField(blank=True, null=True)),
                ("replay_error", models.TextField(blank=True)),
                (
                    "warning",
                    models.TextField(
                        blank=True,
                        help_text="Day and subject of a warning; empty for a rejected event.",
                        null=True,
                        unique=True,
                    ),
                ),
                (
                    "times",
                    models.PositiveIntegerField(
                        default=1, help_text="How often on that day; a rejected event counts once."
                    ),
                ),
            ],
            options={
                "verbose_name": "rejected event",
                "db_table": "events_setaside",
                "constraints": [models.UniqueConstraint(fields=["shard", "log_offset"], name="events_setaside_once")],
                "indexes": [models.Index(fields=["-received_at"], name="events_setaside_received")],
            },
        ),
        migrations.CreateModel(
            name="Count",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("name", models.TextField()),
                ("reason", models.TextField()),
                ("n", models.BigIntegerField(default=0)),
            ],
            options={
                "db_table": "events_count",
                "constraints": [models.UniqueConstraint(fields=["day", "name", "reason"], name="events_count_once")],
            },
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("order_id", models.TextField()),
                (
                    "claimed_by",
                    models.TextField(
                        blank=True,
                        default="",
                        help_text="The raw id whose browser sent it, until the shop's server sends the same order id.",
                    ),
                ),
                ("confirmed", models.BooleanField(default=True)),
                ("user_id", models.TextField(blank=True, null=True)),
                ("anonymous_id", models.TextField(blank=True, null=True)),
                ("status", models.CharField(default="", max_length=10)),
                ("placed_at", models.DateTimeField(null=True)),
                ("revenue", models.DecimalField(**MONEY, null=True)),
                ("revenue_basis", models.CharField(default="unknown", max_length=10)),
                ("total", models.DecimalField(**MONEY, null=True)),
                ("shipping", models.DecimalField(**MONEY, null=True)),
                ("tax", models.DecimalField(**MONEY, null=True)),
                ("discount", models.DecimalField(**MONEY, null=True)),
                ("currency", models.CharField(blank=True, default="", max_length=3)),
                ("coupon", models.TextField(blank=True, default="")),
                (
                    "refunded",
                    models.DecimalField(
                        **MONEY, default=0, help_text="Stated amounts, and returned units at the order's prices."
                    ),
                ),
                (
                    "refunded_stated",
                    models.DecimalField(**MONEY, default=0, help_text="Sum of the amounts that refunds stated."),
                ),
                (
                    "returned_units",
                    models.JSONField(default=dict, help_text="Units by product of refunds that stated no amount."),
                ),
                ("wholly_refunded", models.BooleanField(default=False)),
                ("status_at", models.DateTimeField(null=True)),
                ("status_message", models.TextField(default="")),
                ("content_at", models.DateTimeField(null=True)),
                ("content_message", models.TextField(default="")),
            ],
            options={
                "db_table": "events_order",
                "constraints": [models.UniqueConstraint(fields=["order_id", "claimed_by"], name="events_order_once")],
                "indexes": [
                    models.Index(fields=["user_id", "-placed_at"], name="events_order_user"),
                    models.Index(fields=["anonymous_id", "-placed_at"], name="events_order_anonymous"),
                    models.Index(fields=["-placed_at"], name="events_order_placed"),
                ],
            },
        ),
        migrations.CreateModel(
            name="OrderLine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="lines", to="events.order"
                    ),
                ),
                ("position", models.SmallIntegerField()),
                ("product_id", models.TextField()),
                ("quantity", models.DecimalField(**MONEY)),
                ("price", models.DecimalField(**MONEY, null=True)),
                ("list_id", models.TextField(blank=True, default="")),
                ("raw_id", models.TextField(help_text="user:ID, else anonymous:ID")),
                ("placed_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "events_orderline",
                "constraints": [models.UniqueConstraint(fields=["order", "position"], name="events_orderline_once")],
                "indexes": [
                    models.Index(fields=["raw_id", "-placed_at"], name="events_orderline_raw_id"),
                    models.Index(fields=["product_id", "-placed_at"], name="events_orderline_product"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Impressions",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("placement", models.TextField()),
                ("day", models.DateField()),
                ("personalized", models.BooleanField()),
                ("position", models.SmallIntegerField(help_text="From 1; 0 counts answers, also empty ones.")),
                ("n", models.BigIntegerField()),
            ],
            options={
                "db_table": "events_impressions",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("placement", "day", "personalized", "position"), name="events_impressions_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ProductImpressions",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("product_id", models.TextField()),
                ("day", models.DateField()),
                ("placement", models.TextField()),
                ("personalized", models.BooleanField()),
                ("n", models.BigIntegerField()),
            ],
            options={
                "db_table": "events_product_impressions",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("product_id", "day", "placement", "personalized"),
                        name="events_product_impressions_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RuleImpressions",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("rule", models.TextField(help_text="`id.version`")),
                ("day", models.DateField()),
                ("held_out", models.BooleanField()),
                ("random_group", models.SmallIntegerField(help_text=RANDOM_GROUP)),
                ("n", models.BigIntegerField()),
            ],
            options={
                "db_table": "events_rule_impressions",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("rule", "day", "held_out", "random_group"), name="events_rule_impressions_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Outcome",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("recommendation_id", models.TextField()),
                ("product_id", models.TextField()),
                (
                    "kind",
                    models.CharField(choices=[("click", "click"), ("cart", "cart"), ("order", "order")], max_length=5),
                ),
                (
                    "order_key",
                    models.CharField(
                        blank=True, help_text="A hash of the order's id; empty without order.", max_length=32
                    ),
                ),
                ("at", models.DateTimeField()),
                ("day", models.DateField()),
                (
                    "position",
                    models.SmallIntegerField(default=0, help_text="Where it was clicked, from 1; 0: not said."),
                ),
                ("quantity", models.DecimalField(decimal_places=4, default=0, max_digits=18)),
                ("revenue", models.DecimalField(decimal_places=4, default=0, max_digits=18)),
                ("placement", models.TextField(blank=True, default="")),
                ("personalized", models.BooleanField(default=False)),
                (
                    "measured_rules",
                    django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), null=True, size=None),
                ),
                (
                    "held_out_rules",
                    django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), null=True, size=None),
                ),
                ("random_group", models.SmallIntegerField(db_default=0, help_text=RANDOM_GROUP)),
            ],
            options={
                "db_table": "events_outcome",
                "indexes": [
                    models.Index(fields=["placement", "day"], name="events_outcome_day"),
                    models.Index(fields=["product_id", "day"], name="events_outcome_product"),
                    django.contrib.postgres.indexes.GinIndex(fields=["measured_rules"], name="events_outcome_measured"),
                    django.contrib.postgres.indexes.GinIndex(fields=["held_out_rules"], name="events_outcome_held_out"),
                    models.Index(
                        condition=models.Q(("order_key", ""), _negated=True),
                        fields=["order_key"],
                        name="events_outcome_order",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("recommendation_id", "product_id", "kind", "order_key"), name="events_outcome_once"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ServedAnswer",
            fields=[
                ("recommendation_id", models.TextField(primary_key=True, serialize=False)),
                ("placement", models.TextField()),
                ("personalized", models.BooleanField()),
                ("at", models.DateTimeField()),
                (
                    "measured_rules",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(),
                        help_text="Rules applied by lot: `id.version`.",
                        null=True,
                        size=None,
                    ),
                ),
                (
                    "held_out_rules",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(),
                        help_text="Rules held out by lot: `id.version`.",
                        null=True,
                        size=None,
                    ),
                ),
                ("random_group", models.SmallIntegerField(db_default=0, help_text=RANDOM_GROUP)),
            ],
            options={
                "db_table": "events_served_answer",
                "indexes": [django.contrib.postgres.indexes.BrinIndex(fields=["at"], name="events_served_answer_at")],
            },
        ),
        migrations.CreateModel(
            name="AllowedField",
            fields=ALLOWED_FIELDS,
            options=ALLOWED_OPTIONS,
        ),
    ]
