"""The admin's appearance: colors, sidebar and home page."""

from django.templatetags.static import static

_GREEN = {
    "50": "#f0f7f5", "100": "#dceee9", "200": "#bbddd4", "300": "#8ec5b8", "400": "#5ba696", "500": "#459a89",
    "600": "#2d6e62", "700": "#265950", "800": "#1f4d45", "900": "#1c3c37", "950": "#0d2320",
}  # fmt: skip

UNFOLD = {
    "SITE_TITLE": "Vitrine",
    "SITE_HEADER": "Vitrine",
    "SITE_SUBHEADER": "Personalization",
    "SITE_SYMBOL": "storefront",
    "SITE_URL": "/",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("shop/icon.svg")}],
    "SHOW_HISTORY": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "8px",
    "COLORS": {"primary": _GREEN},
    "STYLES": [lambda request: static("portal/admin.css")],
    "SCRIPTS": [lambda request: static("portal/admin.js")],
    "DASHBOARD_CALLBACK": "portal.home.dashboard",
    "SIDEBAR": {"show_search": True, "show_all_applications": False, "navigation": "portal.sidebar.navigation"},
}
