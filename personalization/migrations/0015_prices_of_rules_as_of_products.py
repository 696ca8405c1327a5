from decimal import Decimal

import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("personalization", "0014_nights_that_come_once"),
    ]

    operations = [
        migrations.AlterField(
            model_name="ruleversion",
            name=name,
            field=models.DecimalField(
                blank=True,
                decimal_places=4,
                max_digits=16,
                null=True,
                validators=[django.core.validators.MinValueValidator(Decimal(0))],
            ),
        )
        for name in ("min_price", "max_price")
    ]
