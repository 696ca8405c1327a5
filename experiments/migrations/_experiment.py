"""The columns of an experiment, as the initial migration makes them."""

from typing import Any, Final

import django.core.validators
import django.db.models.deletion
from django.db import models

EXPERIMENT_FIELDS: Final[list[tuple[str, Any]]] = [
    ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
    (
        "key",
        models.CharField(
            max_length=60,
            unique=True,
            validators=[
                django.core.validators.RegexValidator(
                    "^[a-z0-9][a-z0-9-]*\\Z", "Small letters, digits and hyphens: home-ranker."
                )
            ],
        ),
    ),
    ("name", models.CharField(max_length=120)),
    (
        "kind",
        models.CharField(
            choices=[("comparison", "Experiment"), ("holdout", "Permanent hold-out")],
            default="comparison",
            editable=False,
            max_length=10,
        ),
    ),
    (
        "status",
        models.CharField(
            choices=[
                ("draft", "Draft"),
                ("running", "Running"),
                ("stopped", "Stopped"),
                ("shipped", "Shipped"),
                ("archived", "Archived"),
            ],
            db_index=True,
            default="draft",
            editable=False,
            max_length=10,
        ),
    ),
    (
        "seed",
        models.CharField(editable=False, help_text="Fixed for the life of the experiment", max_length=64),
    ),
    ("epoch", models.PositiveIntegerField(default=0, editable=False)),
    ("final_arm", models.CharField(blank=True, default="", editable=False, max_length=60)),
    ("ramp_arm", models.CharField(blank=True, default="", editable=False, max_length=60)),
    ("hypothesis", models.TextField(blank=True, default="")),
    (
        "payload_kind",
        models.CharField(
            blank=True,
            default="",
            help_text="What the arms change; empty: JSON for the storefront",
            max_length=60,
        ),
    ),
    (
        "factors",
        models.JSONField(blank=True, default=dict, help_text="The levels of each factor of a multivariate design"),
    ),
    (
        "coverage",
        models.FloatField(
            default=1.0,
            validators=[
                django.core.validators.MinValueValidator(0.0),
                django.core.validators.MaxValueValidator(1.0),
            ],
        ),
    ),
    ("condition", models.JSONField(blank=True, default=dict, help_text="Whom the experiment is about")),
    ("namespace_low", models.PositiveIntegerField(default=0, help_text="The first bucket of 10,000")),
    ("namespace_high", models.PositiveIntegerField(default=10000, help_text="The bucket after the last")),
    (
        "test_units",
        models.JSONField(blank=True, default=dict, help_text="Raw ids of staff and the arm that each gets"),
    ),
    ("goal_metric", models.CharField(blank=True, default="", max_length=60)),
    (
        "goal_margin",
        models.FloatField(
            blank=True,
            help_text="Ship what is not worse by more than this share; empty: ship only what is better",
            null=True,
            validators=[
                django.core.validators.MinValueValidator(0.0001),
                django.core.validators.MaxValueValidator(1.0),
            ],
        ),
    ),
    ("secondary_metrics", models.JSONField(blank=True, default=list)),
    ("guardrail_metrics", models.JSONField(blank=True, default=list)),
    ("activation_metric", models.CharField(blank=True, default="", max_length=60)),
    (
        "inference",
        models.CharField(
            choices=[
                ("always_valid", "Always valid: look and stop when you like"),
                ("group_sequential", "Group sequential: planned looks"),
                ("fixed", "Fixed horizon: one look at the end"),
            ],
            default="always_valid",
            max_length=20,
        ),
    ),
    (
        "alpha",
        models.FloatField(
            default=0.05,
            validators=[
                django.core.validators.MinValueValidator(0.0001),
                django.core.validators.MaxValueValidator(0.5),
            ],
        ),
    ),
    (
        "power",
        models.FloatField(
            default=0.8,
            validators=[
                django.core.validators.MinValueValidator(0.5),
                django.core.validators.MaxValueValidator(0.999),
            ],
        ),
    ),
    (
        "minimum_effect",
        models.FloatField(
            default=0.05,
            help_text="Relative: 0.05 is 5 %",
            validators=[django.core.validators.MinValueValidator(0.0001)],
        ),
    ),
    ("planned_units", models.PositiveIntegerField(blank=True, help_text="Units of each arm", null=True)),
    (
        "planned_looks",
        models.PositiveSmallIntegerField(
            default=50,
            validators=[
                django.core.validators.MinValueValidator(1),
                django.core.validators.MaxValueValidator(50),
            ],
        ),
    ),
    ("minimum_runtime_days", models.PositiveSmallIntegerField(default=7)),
    (
        "maximum_runtime_days",
        models.PositiveSmallIntegerField(default=28, validators=[django.core.validators.MinValueValidator(1)]),
    ),
    (
        "policy_mode",
        models.CharField(
            choices=[
                ("off", "Off"),
                ("recommend", "Recommend"),
                ("approve", "Ask for approval"),
                ("automatic", "Automatic"),
            ],
            default="recommend",
            max_length=10,
        ),
    ),
    ("learnings", models.TextField(blank=True, default="")),
    ("created_at", models.DateTimeField(auto_now_add=True)),
    ("created_by", models.CharField(editable=False, max_length=120)),
    ("updated_at", models.DateTimeField(auto_now=True)),
    ("started_at", models.DateTimeField(editable=False, null=True)),
    ("ended_at", models.DateTimeField(editable=False, null=True)),
    (
        "namespace",
        models.ForeignKey(
            blank=True,
            null=True,
            on_delete=django.db.models.deletion.PROTECT,
            related_name="experiments",
            to="experiments.namespace",
        ),
    ),
]
