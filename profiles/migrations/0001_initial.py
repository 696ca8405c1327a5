"""Segments, the fits and jobs behind them, and their sizes over time."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="CountHistory",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("position", models.BigIntegerField(unique=True)),
                ("after", models.BigIntegerField(default=0)),
                ("content", models.BinaryField()),
                ("at", models.DateTimeField(auto_now_add=True, db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name="Segment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "key",
                    models.CharField(
                        help_text="Small letters, digits and hyphens: chair-fans. Rules and the API name the segment by it.",
                        max_length=60,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[a-z0-9][a-z0-9-]*\\Z", "Small letters, digits and hyphens: chair-fans."
                            )
                        ],
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                (
                    "kind",
                    models.CharField(
                        choices=[("rule", "Rule"), ("cluster", "Likeness")],
                        default="rule",
                        editable=False,
                        max_length=10,
                    ),
                ),
                ("rule", models.JSONField(blank=True, default=dict)),
                ("cluster", models.PositiveIntegerField(editable=False, null=True, unique=True)),
                ("description", models.TextField(blank=True, editable=False)),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("active", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ["kind", "name"],
            },
        ),
        migrations.CreateModel(
            name="SegmentClustering",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("state", models.JSONField()),
                ("keys", models.JSONField(help_text="The lasting number of each cluster, in the order of the fit")),
                (
                    "report",
                    models.JSONField(default=dict, help_text="Silhouettes, sizes, and how many kept their segment"),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="SegmentJob",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[("fill", "Determine members"), ("count", "Count exactly"), ("refit", "Fit clusters")],
                        max_length=10,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("queued", "Queued"), ("running", "Running"), ("done", "Done"), ("failed", "Failed")],
                        default="queued",
                        max_length=10,
                    ),
                ),
                ("step", models.CharField(blank=True, max_length=200)),
                ("progress", models.FloatField(default=0.0, help_text="0 to 1")),
                ("message", models.TextField(blank=True)),
                ("rule", models.JSONField(blank=True, help_text="Of a count: the rule", null=True)),
                ("result", models.JSONField(blank=True, default=dict)),
                ("actor", models.CharField(max_length=120)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("heartbeat_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-created_at", "-id"],
            },
        ),
        migrations.CreateModel(
            name="SegmentCount",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("segment_key", models.CharField(max_length=60)),
                ("hour", models.DateTimeField()),
                ("members", models.PositiveBigIntegerField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("segment_key", "hour"), name="segment_count_hour")],
            },
        ),
        migrations.CreateModel(
            name="SegmentFlow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("source", models.CharField(blank=True, max_length=60)),
                ("target", models.CharField(blank=True, max_length=60)),
                ("people", models.PositiveBigIntegerField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("day", "source", "target"), name="segment_flow_day")],
            },
        ),
    ]
