from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("personalization", "0012_waivers_that_are_closed"),
    ]

    operations = [
        migrations.AddField(
            model_name="trainingrun",
            name="stop_asked_by",
            field=models.CharField(blank=True, help_text="Who asked it to stop at its next step", max_length=120),
        ),
        migrations.AlterField(
            model_name="trainingrun",
            name="state",
            field=models.CharField(
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
    ]
