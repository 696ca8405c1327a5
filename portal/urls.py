"""URLs of the portal, relative to the root. Those of the demo shop exist only with DEMO."""

from django.conf import settings
from django.urls import path

from common import converters  # noqa: F401
from portal import (
    customers,
    experiment_preview,
    landing,
    model_desk,
    objectives,
    performance,
    preview,
    replay,
    rules,
    segments,
)
from portal.compliance import fields_page, practice_page, record_page, year_page
from portal.shop import views as shop
from portal.stream import pages as stream
from portal.your_data import pages as your_data

app_name = "portal"

SHOP = [
    path("shop/", shop.home, name="shop-home"),
    path("shop/search", shop.search, name="shop-search"),
    path("shop/products/<id:product_id>", shop.product, name="shop-product"),
    path("shop/cart", shop.cart_page, name="shop-cart"),
    path("shop/checkout", shop.checkout, name="shop-checkout"),
    path("shop/ordered", shop.order_confirmation, name="shop-ordered"),
    path("shop/login", shop.login, name="shop-login"),
]

urlpatterns = [
    path("", landing.landing, name="landing"),
    path("portal/customers", customers.search, name="customers"),
    path("portal/customers/<id:subject>", customers.page, name="customer"),
    path("portal/segments", segments.overview, name="segments"),
    path("portal/segments/map", segments.map_page, name="segment-map"),
    path("portal/segments/of/<slug:key>", segments.page, name="segment"),
    path("portal/performance", performance.overview, name="performance"),
    path("portal/performance/<slug:key>", performance.page, name="performance-placement"),
    path("portal/performance/<slug:key>/rules", rules.page, name="placement-rules"),
    path("portal/performance/<slug:key>/objective", objectives.page, name="placement-objective"),
    path("portal/products/<id:product_id>/performance", performance.product, name="performance-product"),
    path("portal/models", model_desk.overview, name="models"),
    path("portal/models/<int:version_id>", model_desk.comparison, name="model-comparison"),
    path("portal/preview", preview.page, name="preview"),
    path("portal/experiments/preview", experiment_preview.page, name="experiment-preview"),
    path("portal/record-of-processing", record_page.page, name="processing"),
    path("portal/practice-audit", practice_page.page, name="practice"),
    path("portal/privacy-requests-by-year", year_page.page, name="privacy-year"),
    path("portal/collected-fields", fields_page.page, name="collected-fields"),
    path("portal/replay", replay.page, name="replay"),
    path("portal/stream", stream.page, name="stream"),
    path("portal/stream/lines", stream.poll, name="stream-lines"),
    path("portal/stream/figures", stream.figures, name="stream-figures"),
    path("portal/stream/send-again", stream.send_again, name="stream-send-again"),
    path("privacy/me", your_data.home, name="your-data"),
    path("privacy/me/enter", your_data.enter, name="your-data-enter"),
    path("privacy/me/link", your_data.mail_link, name="your-data-mail"),
    path("privacy/me/link/<str:secret>", your_data.by_link, name="your-data-link"),
    path("privacy/me/consent", your_data.decide, name="your-data-consent"),
    path("privacy/me/download", your_data.download, name="your-data-download"),
    path("privacy/me/erase", your_data.erase, name="your-data-erase"),
    path("privacy/me/erased", your_data.erased, name="your-data-erased"),
    path("privacy/me/receipt", your_data.receipt, name="your-data-receipt"),
    path("privacy/me/leave", your_data.leave, name="your-data-leave"),
    *(SHOP if settings.DEMO else []),
]
