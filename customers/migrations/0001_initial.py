"""Customers and links."""

from typing import ClassVar

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
                        help_text="Per attribute the time (microseconds) and message id it was said with.",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={"db_table": "customers_customer"},
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
    ]
