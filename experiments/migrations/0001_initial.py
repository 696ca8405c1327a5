"""Experiments with arms, epochs and steps; namespaces; sticky arms and exposures."""

import uuid

import django.contrib.postgres.constraints
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Namespace",
            fields=[
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
                ("seed", models.CharField(editable=False, max_length=64)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["key"],
            },
        ),
        migrations.CreateModel(
            name="Experiment",
            fields=[
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
                    models.JSONField(
                        blank=True, default=dict, help_text="The levels of each factor of a multivariate design"
                    ),
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
                    models.PositiveSmallIntegerField(
                        default=28, validators=[django.core.validators.MinValueValidator(1)]
                    ),
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
            ],
            options={
                "ordering": ["-created_at"],
            },
        ),
        migrations.CreateModel(
            name="Step",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField()),
                ("action", models.CharField(max_length=40)),
                ("actor", models.CharField(max_length=120)),
                ("at", models.DateTimeField()),
                ("reason", models.TextField(blank=True, default="")),
                ("before", models.JSONField(default=dict)),
                ("after", models.JSONField(default=dict)),
                ("audit_event", models.UUIDField(null=True)),
                (
                    "experiment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="steps", to="experiments.experiment"
                    ),
                ),
                (
                    "undone_by",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="undoes",
                        to="experiments.step",
                    ),
                ),
            ],
            options={
                "ordering": ["experiment", "-number"],
            },
        ),
        migrations.CreateModel(
            name="StickyArm",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("epoch", models.PositiveIntegerField()),
                ("raw_id", models.TextField(help_text="user:ID or anonymous:ID")),
                ("arm", models.CharField(max_length=60)),
                ("at", models.DateTimeField()),
                (
                    "experiment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="experiments.experiment"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Withheld",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("arm", models.CharField(max_length=60)),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("no_consent", "The shopper may not be experimented on and got the control"),
                            ("undecided", "An SDK reported an exposure of a shopper who did not consent"),
                        ],
                        max_length=20,
                    ),
                ),
                ("n", models.BigIntegerField(default=0)),
                (
                    "experiment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="experiments.experiment"
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "withheld",
            },
        ),
        migrations.CreateModel(
            name="Epoch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("weights", models.JSONField()),
                ("started_at", models.DateTimeField()),
                (
                    "experiment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="epochs", to="experiments.experiment"
                    ),
                ),
            ],
            options={
                "ordering": ["experiment", "number"],
                "constraints": [
                    models.UniqueConstraint(fields=("experiment", "number"), name="experiment_epoch_number")
                ],
            },
        ),
        migrations.CreateModel(
            name="Arm",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.PositiveSmallIntegerField()),
                (
                    "key",
                    models.CharField(
                        max_length=60,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[a-z0-9][a-z0-9-]*\\Z", "Small letters, digits and hyphens: home-ranker."
                            )
                        ],
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                (
                    "weight",
                    models.FloatField(
                        validators=[
                            django.core.validators.MinValueValidator(0.0),
                            django.core.validators.MaxValueValidator(1.0),
                        ]
                    ),
                ),
                ("payload", models.JSONField(blank=True, null=True)),
                ("levels", models.JSONField(blank=True, default=dict)),
                (
                    "experiment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="arms", to="experiments.experiment"
                    ),
                ),
            ],
            options={
                "ordering": ["experiment", "position"],
                "constraints": [
                    models.UniqueConstraint(fields=("experiment", "key"), name="experiment_arm_key"),
                    models.UniqueConstraint(fields=("experiment", "position"), name="experiment_arm_position"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Exposure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("epoch", models.PositiveIntegerField()),
                ("unit", models.TextField()),
                ("arm", models.CharField(max_length=60)),
                ("first_at", models.DateTimeField()),
                ("switches", models.PositiveIntegerField(default=0)),
                (
                    "experiment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="experiments.experiment"
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["unit"], name="experiment_exposure_unit")],
                "constraints": [
                    models.UniqueConstraint(fields=("experiment", "epoch", "unit"), name="experiment_exposure_once")
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="experiment",
            constraint=models.CheckConstraint(
                condition=models.Q(("namespace_high__lte", 10000), ("namespace_low__lt", models.F("namespace_high"))),
                name="experiment_namespace_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="experiment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "holdout"), models.Q(("status__in", ["draft", "archived"]), _negated=True)),
                fields=("kind",),
                name="experiment_one_holdout",
            ),
        ),
        migrations.AddConstraint(
            model_name="experiment",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                condition=models.Q(("namespace__isnull", False), models.Q(("status", "archived"), _negated=True)),
                expressions=[
                    (
                        models.Func(
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    models.F("namespace_id"), "*", models.Value(10000)
                                ),
                                "+",
                                models.F("namespace_low"),
                            ),
                            django.db.models.expressions.CombinedExpression(
                                django.db.models.expressions.CombinedExpression(
                                    models.F("namespace_id"), "*", models.Value(10000)
                                ),
                                "+",
                                models.F("namespace_high"),
                            ),
                            function="int8range",
                        ),
                        "&&",
                    )
                ],
                name="experiment_namespace_disjoint",
            ),
        ),
        migrations.AddConstraint(
            model_name="step",
            constraint=models.UniqueConstraint(fields=("experiment", "number"), name="experiment_step_number"),
        ),
        migrations.AddConstraint(
            model_name="stickyarm",
            constraint=models.UniqueConstraint(fields=("raw_id", "experiment", "epoch"), name="experiment_sticky_once"),
        ),
        migrations.AddConstraint(
            model_name="withheld",
            constraint=models.UniqueConstraint(
                fields=("experiment", "day", "arm", "reason"), name="experiment_withheld_once"
            ),
        ),
    ]
