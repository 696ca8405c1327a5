"""Metrics, statistics, looks and proposals, as the initial migration makes them."""

from typing import Any, Final

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

MEASUREMENT: Final[list[Any]] = [
    migrations.CreateModel(
        name="MetricDefinition",
        fields=[
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            (
                "key",
                models.CharField(
                    max_length=60,
                    unique=True,
                    validators=[
                        django.core.validators.RegexValidator(
                            "^[a-z][a-z0-9_]*\\Z", "Small letters, digits and underscores: repeat_orders."
                        )
                    ],
                ),
            ),
            ("name", models.CharField(max_length=120)),
            ("description", models.TextField(blank=True, default="")),
            (
                "kind",
                models.CharField(
                    choices=[("proportion", "proportion"), ("mean", "mean"), ("ratio", "ratio")], max_length=10
                ),
            ),
            ("numerator", models.JSONField()),
            ("denominator", models.JSONField(blank=True, null=True)),
            ("display", models.CharField(default="number", max_length=10)),
            ("higher_is_better", models.BooleanField(default=True)),
            ("winsor_share", models.FloatField(blank=True, null=True)),
            ("margin", models.FloatField(default=0.02)),
            ("has_quantiles", models.BooleanField(default=False)),
            ("is_archived", models.BooleanField(default=False)),
            ("created_at", models.DateTimeField(auto_now_add=True)),
            ("created_by", models.CharField(editable=False, max_length=120)),
        ],
        options={
            "ordering": ["name"],
        },
    ),
    migrations.CreateModel(
        name="Proposal",
        fields=[
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ("action", models.CharField(max_length=20)),
            ("arm", models.CharField(blank=True, default="", max_length=60)),
            ("rule", models.CharField(max_length=40)),
            ("reason", models.TextField(help_text="The sentence that pages show")),
            ("inputs", models.JSONField(help_text="The numbers that the rule saw")),
            (
                "state",
                models.CharField(
                    choices=[
                        ("open", "Open"),
                        ("applied", "Applied"),
                        ("declined", "Declined"),
                        ("expired", "No longer holds"),
                    ],
                    db_index=True,
                    default="open",
                    max_length=10,
                ),
            ),
            ("at", models.DateTimeField()),
            ("decided_at", models.DateTimeField(null=True)),
            ("decided_by", models.CharField(blank=True, default="", max_length=120)),
            ("answer", models.TextField(blank=True, default="", help_text="Why it was declined")),
            (
                "experiment",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="proposals", to="experiments.experiment"
                ),
            ),
            (
                "step",
                models.ForeignKey(
                    null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="experiments.step"
                ),
            ),
        ],
        options={
            "ordering": ["experiment", "-at", "-pk"],
        },
    ),
    migrations.CreateModel(
        name="PolicyPause",
        fields=[
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ("at", models.DateTimeField()),
            ("actor", models.CharField(max_length=120)),
            ("reason", models.CharField(max_length=500)),
        ],
        options={
            "constraints": [models.UniqueConstraint(models.Value(1), name="experiments_one_policy_pause")],
        },
    ),
    migrations.CreateModel(
        name="CountedPlan",
        fields=[
            (
                "experiment",
                models.OneToOneField(
                    on_delete=django.db.models.deletion.CASCADE,
                    primary_key=True,
                    related_name="+",
                    serialize=False,
                    to="experiments.experiment",
                ),
            ),
            ("plan", models.CharField(blank=True, max_length=64)),
            (
                "moments",
                models.JSONField(default=dict, help_text="When each epoch began, and the end: seconds since 1970"),
            ),
        ],
    ),
    migrations.CreateModel(
        name="BusyUnit",
        fields=[
            ("unit", models.TextField(primary_key=True, serialize=False)),
            ("due_at", models.DateTimeField(db_index=True)),
            (
                "has_news",
                models.BooleanField(default=False, help_text="Whether it did something since it was counted"),
            ),
        ],
    ),
    migrations.CreateModel(
        name="Cell",
        fields=[
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ("epoch", models.PositiveIntegerField()),
            ("arm", models.CharField(max_length=60)),
            ("dimension", models.CharField(blank=True, max_length=20)),
            ("value", models.CharField(blank=True, max_length=120)),
            ("n", models.BigIntegerField(default=0)),
            ("quarantined", models.BigIntegerField(default=0)),
            (
                "sums",
                django.contrib.postgres.fields.ArrayField(
                    base_field=models.DecimalField(decimal_places=4, max_digits=40), default=list, size=None
                ),
            ),
            (
                "products",
                django.contrib.postgres.fields.ArrayField(
                    base_field=models.DecimalField(decimal_places=8, max_digits=60), default=list, size=None
                ),
            ),
            ("sketches", models.JSONField(default=dict)),
            (
                "experiment",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="cells", to="experiments.experiment"
                ),
            ),
        ],
        options={
            "constraints": [
                models.UniqueConstraint(
                    fields=("experiment", "epoch", "arm", "dimension", "value"), name="experiment_cell_once"
                )
            ],
        },
    ),
    migrations.CreateModel(
        name="Look",
        fields=[
            ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
            ("number", models.PositiveIntegerField()),
            ("at", models.DateTimeField()),
            ("units", models.JSONField()),
            ("results", models.JSONField()),
            (
                "experiment",
                models.ForeignKey(
                    on_delete=django.db.models.deletion.CASCADE, related_name="looks", to="experiments.experiment"
                ),
            ),
        ],
        options={
            "ordering": ["experiment", "number"],
            "constraints": [models.UniqueConstraint(fields=("experiment", "number"), name="experiment_look_once")],
        },
    ),
]
