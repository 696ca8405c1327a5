"""Processes of an earlier release, which know fewer columns, write rows beside those of this one."""

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("personalization", "0015_prices_of_rules_as_of_products"),
    ]

    operations = [
        migrations.AlterField(
            model_name="modelversion",
            name="gate",
            field=models.JSONField(
                blank=True,
                db_default={},
                default=dict,
                help_text="Every check of the gate with its number and limit; empty: never judged",
            ),
        ),
        migrations.AlterField(
            model_name="modelversion",
            name="increment",
            field=models.JSONField(
                blank=True,
                db_default={},
                default=dict,
                help_text="What was learnt again since the training: directory, artefact_hash, and of what; empty: nothing",
            ),
        ),
        migrations.AlterField(
            model_name="placement",
            name="explore_cap",
            field=models.PositiveIntegerField(
                db_default=100,
                default=100,
                help_text="The budget: how many of these impressions a day one product may get here",
                verbose_name="At most a day",
            ),
        ),
        migrations.AlterField(
            model_name="placement",
            name="explore_days",
            field=models.PositiveSmallIntegerField(
                db_default=14,
                default=14,
                help_text="A product is new for so many days after its creation",
                validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(365)],
                verbose_name="New for days",
            ),
        ),
        migrations.AlterField(
            model_name="placement",
            name="explore_enough",
            field=models.PositiveIntegerField(
                db_default=500,
                default=500,
                help_text="After so many impressions, counted on all placements that show new products, it has to stand on its own",
                verbose_name="Until shown",
            ),
        ),
        migrations.AlterField(
            model_name="placement",
            name="explore_share",
            field=models.FloatField(
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
        migrations.AlterField(
            model_name="trainingrun",
            name="exposure",
            field=models.FloatField(
                db_default=0.0, default=0.0, help_text="How strongly over-exposed items are held back, 0 to 1"
            ),
        ),
        migrations.AlterField(
            model_name="trainingrun",
            name="forced",
            field=models.BooleanField(
                db_default=False, default=False, help_text="Train although a check of the data refuses it"
            ),
        ),
        migrations.AlterField(
            model_name="trainingrun",
            name="sampler",
            field=models.CharField(
                choices=[("tpe", "Bayesian (TPE)"), ("random", "random"), ("grid", "grid")],
                db_default="tpe",
                default="tpe",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="trainingrun",
            name="stop_asked_by",
            field=models.CharField(
                blank=True, db_default="", default="", help_text="Who asked it to stop at its next step", max_length=120
            ),
        ),
        migrations.AlterField(
            model_name="trainingrun",
            name="study",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Where the search is kept, to go on with it",
                max_length=500,
            ),
        ),
    ]
