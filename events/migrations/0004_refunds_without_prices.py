from django.db import migrations, models

TOLD = "UPDATE events_order SET refunded_told = refunded WHERE refunded <> 0"


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0003_what_was_carried_beside"),
    ]

    operations = [
        migrations.AddField(
            model_name="order",
            name="refunded_told",
            field=models.DecimalField(db_default=0, decimal_places=4, default=0, max_digits=18),
        ),
        migrations.AddField(
            model_name="order",
            name="units_back",
            field=models.JSONField(
                db_default={}, default=dict, help_text="Units by product of refunds that told no amount for them."
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
        migrations.RunSQL(TOLD, migrations.RunSQL.noop),
    ]
