"""The catalog is kept by the app's own database role, not by the owner."""

from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django import Settings

from catalog import imports, selectors, services
from catalog.models import ImportState, ProductImport

FILE = b"product_id,title\nP3,Desk\n"
ROW = {"title": "Chair", "price": 1}


@pytest.mark.django_db
def test_products_are_put_changed_removed_and_imported(tmp_path: Path, settings: Settings) -> None:
    settings.MEDIA_ROOT = tmp_path
    call_command("grant_app_role", database="default", verbosity=0)

    with connection.cursor() as cursor:
        cursor.execute(f'SET LOCAL ROLE "{settings.DATABASE_APP_ROLE}"')
        services.put_product("P1", data=ROW, actor="system:test")
        services.bulk_upsert([{"product_id": "P2", **ROW}], actor="system:test")
        services.remove_product("P1", actor="system:test")
        kept = imports.keep_file([FILE], file_name="p.csv", format="csv", rows=1, actor="system:test")
        imports.queue_import(kept.pk, actor="system:test")
        imports.run_import(kept.pk)
        rows = selectors.changed_since(None).rows
        cursor.execute("RESET ROLE")

    assert ProductImport.objects.get().state == ImportState.DONE
    assert {row.product_id: row.active for row in rows} == {"P1": False, "P2": True, "P3": True}
