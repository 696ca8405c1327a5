"""New products get a start: each placement says how often and within which budget; the home page begins with it."""

from django.apps.registry import Apps
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

HOME_SHARE = 0.1


def begin(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Let the home page show new products now and then."""
    model = apps.get_model("personalization", "Placement")
    model.objects.using(schema_editor.connection.alias).filter(key="home").update(explore_share=HOME_SHARE)


class Migration(migrations.Migration):
    """Four settings of a placement."""

    dependencies = [("personalization", "0005_alarms")]
    operations = [
        migrations.AddField(
            "placement",
            "explore_share",
            models.FloatField(
                "New products in",
                default=0.0,
                validators=[MinValueValidator(0.0), MaxValueValidator(0.5)],
                help_text="Share of the answers, 0 to 0.5, in which one place goes to a new product that suits the "
                "shopper; 0 = never",
            ),
        ),
        migrations.AddField(
            "placement",
            "explore_days",
            models.PositiveSmallIntegerField(
                "New for days",
                default=14,
                validators=[MinValueValidator(1), MaxValueValidator(365)],
                help_text="A product is new for so many days after its creation",
            ),
        ),
        migrations.AddField(
            "placement",
            "explore_enough",
            models.PositiveIntegerField(
                "Until shown",
                default=500,
                help_text="After so many impressions, counted on all placements that show new products, it has to "
                "stand on its own",
            ),
        ),
        migrations.AddField(
            "placement",
            "explore_cap",
            models.PositiveIntegerField(
                "At most a day",
                default=100,
                help_text="The budget: how many of these impressions a day one product may get here",
            ),
        ),
        migrations.RunPython(begin, migrations.RunPython.noop),
    ]
