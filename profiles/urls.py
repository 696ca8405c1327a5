"""URLs of profiles. A customer id may hold slashes."""

from django.urls import path

from common import converters  # noqa: F401
from profiles.api import CustomerSegmentsView, CustomersView, CustomerView

urlpatterns = [
    path("api/v1/customers", CustomersView.as_view(), name="customers"),
    path("api/v1/customers/<id:customer_id>/segments", CustomerSegmentsView.as_view(), name="customer_segments"),
    path("api/v1/customers/<id:customer_id>", CustomerView.as_view(), name="customer"),
]
