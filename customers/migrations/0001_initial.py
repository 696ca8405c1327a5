"""Customers and links."""

from typing import ClassVar

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies: ClassVar[list[tuple[str, str]]] = []

    operations: ClassVar[list[migrations.operations.base.Operation]] = [
        migrations.CreateModel(
            name="Customer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "raw_id",
                    models.TextField(
                        help_text="user:ID, or anonymous:ID where attributes came before a login.", unique=True
                    ),
                ),
                ("attributes", models.JSONField(blank=True, default=dict)),
                (
                    "attribute_stamps",
                    models.JSONField(
                        blank=True,
                        default=dict,
                        help_text="Per attribute the time (microseconds), the message id, and true if its sender may name addresses.",
                    ),
                ),
                (
                    "search_tokens",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(),
                        blank=True,
                        default=list,
                        help_text="Keyed hashes of the beginnings of names.",
                        size=None,
                    ),
                ),
                (
                    "email_hash",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="Keyed hash of the e-mail address's SHA-256, if one is known.",
                        max_length=64,
                    ),
                ),
                (
                    "proven_email_hash",
                    models.CharField(
                        blank=True,
                        default="",
                        help_text="The same, of an address to which a link may be sent.",
                        max_length=64,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "db_table": "customers_customer",
                "permissions": [("view_personal_data", "Can see names and contact data of customers")],
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        fields=["search_tokens"], name="customers_customer_search"
                    ),
                    models.Index(
                        condition=models.Q(("email_hash", ""), _negated=True),
                        fields=["email_hash"],
                        name="customers_customer_email",
                    ),
                    models.Index(
                        condition=models.Q(("proven_email_hash", ""), _negated=True),
                        fields=["proven_email_hash"],
                        name="customers_customer_proven",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CustomerLink",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("claim", "identify"), ("join", "alias")], max_length=5)),
                ("from_id", models.TextField(help_text="claim: the anonymous id; join: the previous user id.")),
                ("user_id", models.TextField()),
                ("at", models.DateTimeField()),
                ("message_id", models.TextField()),
            ],
            options={
                "db_table": "customers_link",
                "constraints": [
                    models.UniqueConstraint(fields=["kind", "from_id", "message_id"], name="customers_link_once")
                ],
                "indexes": [models.Index(fields=["user_id"], name="customers_link_user")],
            },
        ),
        migrations.CreateModel(
            name="ShopId",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("pseudonym", models.TextField(unique=True)),
                ("sealed_id", models.BinaryField()),
                ("kept_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={"db_table": "customers_shop_id"},
        ),
    ]
