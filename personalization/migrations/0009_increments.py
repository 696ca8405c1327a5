"""What a live version learnt again since its training."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """A column, empty for every version there is."""

    dependencies = [("personalization", "0008_search_of_settings")]

    operations = [
        migrations.AddField(
            model_name="modelversion",
            name="increment",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="What was learnt again since the training: directory, artefact_hash, and of what; empty: nothing",
            ),
        ),
    ]
