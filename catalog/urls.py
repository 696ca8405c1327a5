"""URLs of the catalog. A product id may hold slashes."""

from django.urls import path

from catalog.api import ProductBulkView, ProductsView, ProductView
from common import converters  # noqa: F401

urlpatterns = [
    path("api/v1/products", ProductsView.as_view(), name="products"),
    path("api/v1/products/bulk", ProductBulkView.as_view(), name="products_bulk"),
    path("api/v1/products/<id:product_id>", ProductView.as_view(), name="product"),
]
