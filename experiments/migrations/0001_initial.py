"""Experiments with arms, epochs and steps; namespaces; sticky arms and exposures."""

import uuid

import django.contrib.postgres.constraints
import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

from experiments.migrations._experiment import EXPERIMENT_FIELDS
from experiments.migrations._measurement import MEASUREMENT


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
            fields=EXPERIMENT_FIELDS,
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
                (
                    "counts_from",
                    models.DateTimeField(help_text="The first exposure, or the activation; empty before it", null=True),
                ),
                ("switches", models.PositiveIntegerField(default=0)),
                (
                    "groups",
                    django.contrib.postgres.fields.ArrayField(
                        models.TextField(),
                        default=list,
                        help_text="Dimension and value at the first exposure: device:mobile",
                        size=None,
                    ),
                ),
                (
                    "values",
                    django.contrib.postgres.fields.ArrayField(
                        models.DecimalField(decimal_places=4, max_digits=18),
                        default=list,
                        help_text="One for each variable; empty where all are 0",
                        size=None,
                    ),
                ),
                (
                    "experiment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="experiments.experiment"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("unit", "experiment", "epoch"), name="experiment_exposure_once")
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
        *MEASUREMENT,
    ]
