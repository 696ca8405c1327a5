"""URLs of the catalogue. A product id may hold slashes."""

from django.urls import path

from catalog.api import ProductBulkView, ProductView
from common import converters  # noqa: F401

urlpatterns = [
    path("api/v1/products/bulk", ProductBulkView.as_view(), name="products_bulk"),
    path("api/v1/products/<id:product_id>", ProductView.as_view(), name="product"),
]
