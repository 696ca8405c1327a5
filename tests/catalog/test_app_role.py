"""The catalog is kept by the app's own database role, not by the owner."""

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from tablib import Dataset

from catalog import selectors, services
from catalog.resources import ProductResource

FILE = Dataset(("P3", "Desk"), headers=("product_id", "title"))
ROW = {"title": "Chair", "price": 1}


@pytest.mark.django_db
def test_products_are_put_changed_removed_and_imported() -> None:
    call_command("grant_app_role", database="default", verbosity=0)

    with connection.cursor() as cursor:
        cursor.execute(f'SET LOCAL ROLE "{settings.DATABASE_APP_ROLE}"')
        services.put_product("P1", data=ROW, actor="system:test")
        services.bulk_upsert([{"product_id": "P2", **ROW}], actor="system:test")
        services.remove_product("P1", actor="system:test")
        imported = ProductResource(actor="system:test").import_data(FILE, dry_run=False)
        rows, _ = selectors.changed_since(None)
        cursor.execute("RESET ROLE")

    assert not imported.has_errors()
    assert {row.product_id: row.active for row in rows} == {"P1": False, "P2": True, "P3": True}
