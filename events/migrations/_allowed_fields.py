"""The columns of an allowed field, as the initial migration makes them."""

from typing import Any, Final

import django.contrib.postgres.fields
import django.core.validators
from django.db import models

ALLOWED_FIELDS: Final[list[tuple[str, Any]]] = [
    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
    (
        "path",
        models.CharField(
            help_text="properties.color, properties.products[].brand, traits.plan or context.till; * means all.",
            max_length=150,
            unique=True,
            validators=[
                django.core.validators.RegexValidator(
                    r"^(properties|properties\.products\[\]|traits|context)\.(\*|[^*]+)$"
                )
            ],
        ),
    ),
    (
        "purposes",
        django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), size=None),
    ),
    ("reason", models.TextField(blank=True, help_text="What the shop needs it for.")),
    ("version", models.PositiveIntegerField(default=1, editable=False)),
]

ALLOWED_OPTIONS: Final[dict[str, Any]] = {
    "db_table": "events_allowed_field",
    "ordering": ["path"],
    "constraints": [
        models.CheckConstraint(
            condition=models.Q(("purposes", []), _negated=True), name="events_allowed_field_purposes"
        )
    ],
}
