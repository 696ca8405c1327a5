"""Training runs, model versions, waivers and alarms."""

import datetime

import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ModelVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.CharField(max_length=40, unique=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("candidate", "Challenger"),
                            ("champion", "Live"),
                            ("retired", "Retired"),
                            ("refused", "Refused"),
                        ],
                        default="candidate",
                        max_length=10,
                    ),
                ),
                ("directory", models.CharField(help_text="Relative to the model directory", max_length=500)),
                ("artifact_hash", models.CharField(max_length=64)),
                ("data_hash", models.CharField(blank=True, max_length=64)),
                ("seed", models.BigIntegerField(default=7)),
                ("stage", models.CharField(blank=True, max_length=60)),
                ("metrics", models.JSONField(blank=True, default=dict)),
                ("report", models.JSONField(blank=True, default=dict)),
                (
                    "gate",
                    models.JSONField(
                        blank=True,
                        db_default={},
                        default=dict,
                        help_text="All checks of the gate with number and limit; empty: never judged",
                    ),
                ),
                ("refusal", models.TextField(blank=True)),
                (
                    "increment",
                    models.JSONField(
                        blank=True,
                        db_default={},
                        default=dict,
                        help_text="The latest increment: directory, artifact_hash, and its data; empty: none",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("promoted_at", models.DateTimeField(blank=True, null=True)),
                ("retired_at", models.DateTimeField(blank=True, null=True)),
                (
                    "pruned_at",
                    models.DateTimeField(blank=True, help_text="When the artifact was deleted, as too old", null=True),
                ),
                ("tracking_run", models.CharField(blank=True, db_default="", default="", max_length=120)),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "permissions": [("replay_answers", "Can compute answers again without seeing whose they were")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "champion")), fields=("state",), name="one_champion"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ModelDrift",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("taken_at", models.DateTimeField()),
                ("rows", models.PositiveIntegerField(help_text="Interactions of the day")),
                ("checks", models.JSONField(blank=True, default=list)),
                (
                    "model_version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="drift", to="modelops.modelversion"
                    ),
                ),
            ],
            options={
                "ordering": ["-taken_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="ModelIncrement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "directory",
                    models.CharField(help_text="In the folder of the version's increments", max_length=100),
                ),
                ("artifact_hash", models.CharField(max_length=64)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "model_version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="increments",
                        to="modelops.modelversion",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="TrainingRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("stopped", "Stopped"),
                        ],
                        default="queued",
                        max_length=10,
                    ),
                ),
                ("step", models.CharField(blank=True, max_length=200)),
                ("progress", models.FloatField(default=0.0, help_text="0 to 1")),
                ("budget_s", models.PositiveIntegerField(default=0, help_text="Seconds of tuning; 0: none")),
                (
                    "sampler",
                    models.CharField(
                        choices=[("tpe", "Bayesian (TPE)"), ("random", "random"), ("grid", "grid")],
                        db_default="tpe",
                        default="tpe",
                        max_length=10,
                    ),
                ),
                (
                    "study",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="The file of the search, to continue it",
                        max_length=500,
                    ),
                ),
                (
                    "thorough",
                    models.BooleanField(
                        default=False,
                        help_text="Report also what each source is worth, and Surprise's SVD step by step",
                    ),
                ),
                (
                    "exposure",
                    models.FloatField(
                        db_default=0.0, default=0.0, help_text="How strongly over-exposed items are held back, 0 to 1"
                    ),
                ),
                (
                    "forced",
                    models.BooleanField(
                        db_default=False, default=False, help_text="Train even if a data check refuses"
                    ),
                ),
                ("seed", models.BigIntegerField(default=7)),
                ("actor", models.CharField(max_length=120)),
                (
                    "message_id",
                    models.CharField(
                        editable=False,
                        help_text="The schedule's message that started it; a broker may deliver it again",
                        max_length=64,
                        null=True,
                        unique=True,
                    ),
                ),
                (
                    "stop_asked_by",
                    models.CharField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="Who requested the stop",
                        max_length=120,
                    ),
                ),
                ("message", models.TextField(blank=True)),
                ("data_report", models.JSONField(blank=True, default=dict)),
                (
                    "steps",
                    models.JSONField(
                        blank=True,
                        db_default=[],
                        default=list,
                        help_text="Each step with the seconds since the start at which it began",
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("heartbeat_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "model_version",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="runs",
                        to="modelops.modelversion",
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="ModelWaiver",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "reason",
                    models.TextField(
                        help_text="Why this version should go live although it failed; kept in the audit log"
                    ),
                ),
                ("requested_at", models.DateTimeField()),
                ("approved_at", models.DateTimeField(blank=True, null=True)),
                ("expires_at", models.DateTimeField()),
                (
                    "closed_at",
                    models.DateTimeField(blank=True, help_text="When it was declined, or taken back", null=True),
                ),
                (
                    "approved_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="waivers_approved",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "closed_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="waivers_closed",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "model_version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="waivers", to="modelops.modelversion"
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="waivers_requested",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-requested_at", "-id"],
                "permissions": [("approve_modelwaiver", "Can approve a waiver that somebody else asked for")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("approved_by__isnull", True),
                            models.Q(("approved_by", models.F("requested_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="waiver_takes_two_persons",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("approved_at__isnull", True), ("approved_by__isnull", True)),
                            models.Q(("approved_at__isnull", False), ("approved_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="waiver_approved_by_and_at",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("closed_at__isnull", True), ("closed_by__isnull", True)),
                            models.Q(("closed_at__isnull", False), ("closed_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="waiver_closed_by_and_at",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("expires_at__gt", models.F("requested_at")),
                            (
                                "expires_at__lte",
                                django.db.models.expressions.CombinedExpression(
                                    models.F("requested_at"), "+", models.Value(datetime.timedelta(days=30))
                                ),
                            ),
                        ),
                        name="waiver_at_most_30_days",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True), name="waiver_has_a_reason"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ModelAlarm",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("data", "Training data"),
                            ("stability", "Steadiness of answers"),
                            ("drift", "Drift of traffic"),
                        ],
                        max_length=10,
                    ),
                ),
                ("message", models.TextField(help_text="One clause per failed check")),
                ("checks", models.JSONField(blank=True, default=list)),
                ("raised_at", models.DateTimeField()),
                ("latest_at", models.DateTimeField(help_text="When it was raised last")),
                ("times", models.PositiveIntegerField(default=1, help_text="How often it was raised")),
                ("settled_at", models.DateTimeField(blank=True, null=True)),
                (
                    "settled_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="alarms_settled",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "model_version",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="alarms",
                        to="modelops.modelversion",
                    ),
                ),
                (
                    "run",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="alarms",
                        to="modelops.trainingrun",
                    ),
                ),
            ],
            options={
                "ordering": ["-latest_at", "-id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("settled_at__isnull", True)), fields=("kind",), name="one_open_alarm_a_kind"
                    )
                ],
            },
        ),
    ]
