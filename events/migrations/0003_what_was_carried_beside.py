from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0002_months_open_when_nobody_reads"),
    ]

    operations = [
        migrations.AddField(
            model_name="setaside",
            name="carried",
            field=models.JSONField(
                db_default={},
                default=dict,
                help_text="What its request said beside it: privacy signal, region, shared context.",
            ),
        ),
    ]
