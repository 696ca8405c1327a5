"""Placements and rules; a rule version is a fact about past answers, so the database refuses to change one."""

from decimal import Decimal

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

from personalization.version_triggers import IMMUTABLE, MUTABLE, NO_RULE_STATES, NO_VERSIONS, RULE_STATES, VERSIONS


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Rule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=120, unique=True)),
                ("active", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Placement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "key",
                    models.SlugField(
                        max_length=60,
                        unique=True,
                        validators=[django.core.validators.RegexValidator("^[a-z0-9][a-z0-9-]*$")],
                    ),
                ),
                ("name", models.CharField(max_length=120)),
                (
                    "about",
                    models.CharField(
                        choices=[
                            ("shopper", "The shopper; products in the request are ignored"),
                            ("product", "The product looked at"),
                            ("cart", "The lines of the cart"),
                        ],
                        default="shopper",
                        max_length=10,
                    ),
                ),
                ("strategy", models.CharField(default="hybrid", max_length=60)),
                ("sources", models.JSONField(blank=True, default=list)),
                ("fallback", models.JSONField(blank=True, default=list)),
                (
                    "size",
                    models.PositiveSmallIntegerField(
                        default=10,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                    ),
                ),
                ("filters", models.JSONField(blank=True, default=dict)),
                ("max_per_brand", models.PositiveSmallIntegerField(default=0, help_text="0 = no limit")),
                ("max_per_category", models.PositiveSmallIntegerField(default=0, help_text="0 = no limit")),
                (
                    "recent_item_slots",
                    models.PositiveSmallIntegerField(
                        default=0,
                        help_text="Number of places for products close to the one the shopper looked at last",
                    ),
                ),
                (
                    "explore_share",
                    models.FloatField(
                        db_default=0.0,
                        default=0.0,
                        help_text="Share of the answers, 0 to 0.5, in which one place goes to a new product that suits the shopper; 0 = never",
                        validators=[
                            django.core.validators.MinValueValidator(0.0),
                            django.core.validators.MaxValueValidator(0.5),
                        ],
                        verbose_name="New products in",
                    ),
                ),
                (
                    "explore_days",
                    models.PositiveSmallIntegerField(
                        db_default=14,
                        default=14,
                        help_text="Number of days that a product is new after its creation",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(365),
                        ],
                        verbose_name="New for days",
                    ),
                ),
                (
                    "explore_enough",
                    models.PositiveIntegerField(
                        db_default=500,
                        default=500,
                        help_text="Exploration of a product ends after this many impressions on all placements that show new products",
                        verbose_name="Until shown",
                    ),
                ),
                (
                    "explore_cap",
                    models.PositiveIntegerField(
                        db_default=100,
                        default=100,
                        help_text="The budget: the most exploration impressions of one product a day on this placement",
                        verbose_name="At most a day",
                    ),
                ),
                (
                    "repeat",
                    models.BooleanField(
                        default=True, help_text="May show what the shopper bought before, if people buy it again"
                    ),
                ),
                (
                    "rest_days",
                    models.PositiveSmallIntegerField(
                        db_default=0,
                        default=0,
                        help_text="Days after a purchase in which the product is not shown to that shopper; 0 = none",
                        validators=[django.core.validators.MaxValueValidator(365)],
                        verbose_name="Rest after a purchase",
                    ),
                ),
                (
                    "discovery_share",
                    models.FloatField(
                        db_default=0.7,
                        default=0.7,
                        help_text="The least share of the places, 0 to 1, for products that the shopper neither just looked at nor has. A list of the shopper's own products has no such places",
                        validators=[
                            django.core.validators.MinValueValidator(0.0),
                            django.core.validators.MaxValueValidator(1.0),
                        ],
                        verbose_name="Discovery",
                    ),
                ),
                (
                    "sold_out",
                    models.BooleanField(
                        db_default=False,
                        default=False,
                        help_text="May show products that are sold out; else only if a request asks",
                    ),
                ),
                ("objective", models.CharField(db_default="clicks", default="clicks", max_length=10)),
                ("objective_percent", models.PositiveSmallIntegerField(db_default=0, default=0)),
                ("version", models.PositiveIntegerField(default=0, editable=False)),
                ("active", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ["key"],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("size__gte", 1), ("size__lte", 100)), name="placement_size_1_to_100"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RuleVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("name", models.CharField(max_length=120)),
                ("active", models.BooleanField(default=True)),
                (
                    "effect",
                    models.CharField(
                        choices=[
                            ("pin", "Pin at a position"),
                            ("boost", "Boost"),
                            ("bury", "Bury"),
                            ("exclude", "Exclude"),
                            ("require", "Show only these"),
                            ("cap", "At most so many"),
                        ],
                        max_length=10,
                    ),
                ),
                (
                    "position",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        null=True,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                    ),
                ),
                (
                    "factor",
                    models.FloatField(
                        default=2.0,
                        validators=[
                            django.core.validators.MinValueValidator(1.0),
                            django.core.validators.MaxValueValidator(100.0),
                        ],
                    ),
                ),
                ("cap", models.PositiveSmallIntegerField(blank=True, null=True)),
                (
                    "cap_by",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "All matching products together"),
                            ("brand", "Each brand"),
                            ("category", "Each category"),
                        ],
                        default="",
                        max_length=10,
                    ),
                ),
                (
                    "priority",
                    models.SmallIntegerField(
                        default=0, help_text="Where two rules want the same place, the higher wins"
                    ),
                ),
                (
                    "holdout_percent",
                    models.PositiveSmallIntegerField(
                        blank=True,
                        db_default=0,
                        default=0,
                        help_text="The share of shoppers, 0 to 50 %, for whom the rule does not apply, to measure it",
                        validators=[django.core.validators.MaxValueValidator(50)],
                    ),
                ),
                (
                    "placements",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=60), blank=True, default=list, size=None
                    ),
                ),
                (
                    "segments",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=120), blank=True, default=list, size=None
                    ),
                ),
                (
                    "context_products",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=200), blank=True, default=list, size=None
                    ),
                ),
                (
                    "context_categories",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=400), blank=True, default=list, size=None
                    ),
                ),
                ("starts_at", models.DateTimeField(blank=True, null=True)),
                ("ends_at", models.DateTimeField(blank=True, null=True)),
                (
                    "products",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=200), blank=True, default=list, size=None
                    ),
                ),
                (
                    "categories",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=400), blank=True, default=list, size=None
                    ),
                ),
                (
                    "brands",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=200), blank=True, default=list, size=None
                    ),
                ),
                (
                    "min_price",
                    models.DecimalField(
                        blank=True,
                        decimal_places=4,
                        max_digits=16,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(Decimal("0"))],
                    ),
                ),
                (
                    "max_price",
                    models.DecimalField(
                        blank=True,
                        decimal_places=4,
                        max_digits=16,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(Decimal("0"))],
                    ),
                ),
                ("min_stock", models.IntegerField(blank=True, null=True)),
                ("max_stock", models.IntegerField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("created_by", models.CharField(max_length=120)),
                (
                    "rule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="personalization.rule"
                    ),
                ),
            ],
            options={
                "ordering": ["rule", "-number"],
            },
        ),
        migrations.AddField(
            model_name="rule",
            name="current",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="personalization.ruleversion",
            ),
        ),
        migrations.AddConstraint(
            model_name="ruleversion",
            constraint=models.UniqueConstraint(fields=("rule", "number"), name="rule_version_number"),
        ),
        migrations.AddConstraint(
            model_name="ruleversion",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("effect", "pin"), _negated=True), ("position__gte", 1), _connector="OR"),
                name="rule_version_pin_has_position",
            ),
        ),
        migrations.AddConstraint(
            model_name="ruleversion",
            constraint=models.CheckConstraint(
                condition=models.Q(models.Q(("effect", "cap"), _negated=True), ("cap__gte", 0), _connector="OR"),
                name="rule_version_cap_has_cap",
            ),
        ),
        migrations.CreateModel(
            name="PlacementVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(max_length=60)),
                ("number", models.PositiveIntegerField()),
                ("fields", models.JSONField()),
                ("at", models.DateTimeField()),
            ],
            options={
                "ordering": ["key", "-number"],
            },
        ),
        migrations.CreateModel(
            name="RuleState",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("rule", models.BigIntegerField(db_index=True)),
                ("version", models.BigIntegerField(help_text="The row of the current version", null=True)),
                ("active", models.BooleanField()),
                ("xid", models.BigIntegerField()),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.AddConstraint(
            model_name="placementversion",
            constraint=models.UniqueConstraint(fields=("key", "number"), name="placement_version_number"),
        ),
        migrations.RunSQL(IMMUTABLE, MUTABLE),
        migrations.RunSQL(VERSIONS, NO_VERSIONS),
        migrations.RunSQL(RULE_STATES, NO_RULE_STATES),
    ]
