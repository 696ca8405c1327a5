from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("personalization", "0013_trainings_that_are_stopped"),
    ]

    operations = [
        migrations.AddField(
            model_name="trainingrun",
            name="message_id",
            field=models.CharField(
                editable=False,
                help_text="The schedule's message that asked for it: a broker may deliver it again",
                max_length=64,
                null=True,
                unique=True,
            ),
        ),
    ]
