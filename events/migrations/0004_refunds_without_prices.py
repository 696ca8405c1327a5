from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0003_what_was_carried_beside"),
    ]

    operations = [
        migrations.AddField(
            model_name="order",
            name="units_back",
            field=models.JSONField(
                db_default={}, default=dict, help_text="Units by product of refunds that told no amount for them."
            ),
        ),
        migrations.AddField(
            model_name="order",
            name="units_worth",
            field=models.DecimalField(
                db_default=0,
                decimal_places=4,
                default=0,
                help_text="What of `refunded` the units back come to.",
                max_digits=18,
            ),
        ),
        migrations.AlterField(
            model_name="order",
            name="refunded",
            field=models.DecimalField(
                decimal_places=4,
                default=0,
                help_text="What was told, and the units back at the order's prices.",
                max_digits=18,
            ),
        ),
    ]
