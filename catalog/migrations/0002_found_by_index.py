"""Titles and brands are found by what Django compares: their capitals."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import migrations, models
from django.db.models.functions import Upper


class Migration(migrations.Migration):
    dependencies = [
        ("catalog", "0001_initial"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="product",
            name="catalog_title",
        ),
        migrations.AddIndex(
            model_name="product",
            index=GinIndex(OpClass(Upper("title"), name="gin_trgm_ops"), name="catalog_title"),
        ),
        migrations.AddIndex(
            model_name="product",
            index=models.Index(Upper("brand"), name="catalog_brand"),
        ),
    ]
