"""The root page links to all parts and loads only own files."""

from django.test import Client


def test_the_root_links_to_shop_admin_and_documentation() -> None:
    answer = Client().get("/")

    page = answer.content.decode()
    assert answer.status_code == 200
    assert all(f'href="{address}"' in page for address in ("/shop/", "/admin/", "/api/docs", "/readyz"))
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "://" not in page
