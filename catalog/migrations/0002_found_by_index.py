"""Titles and brands are found by what Django compares: their capitals."""

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models.functions import Upper


class Migration(migrations.Migration):
    """Beside whoever writes: under a lock, requests about 200,000 products waited for 6 s."""

    atomic = False

    dependencies = [
        ("catalog", "0001_initial"),
    ]

    operations = [
        RemoveIndexConcurrently(
            model_name="product",
            name="catalog_title",
        ),
        AddIndexConcurrently(
            model_name="product",
            index=GinIndex(OpClass(Upper("title"), name="gin_trgm_ops"), name="catalog_title"),
        ),
        # A try that broke off leaves an index of that name, which is not used.
        migrations.RunSQL("DROP INDEX CONCURRENTLY IF EXISTS catalog_brand", migrations.RunSQL.noop),
        AddIndexConcurrently(
            model_name="product",
            index=models.Index(Upper("brand"), name="catalog_brand"),
        ),
    ]
