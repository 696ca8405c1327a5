"""What other rooms show on the admin page of a product. Each registers a panel, so this room knows none of them."""

from typing import Final

from django.http import HttpRequest
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString

_PANELS: Final[list[str]] = []


def register(panel: str) -> None:
    """Add a panel below the form of a product.

    It is the dotted path of a function that takes the request and the product id, and returns HTML, "" for nothing.
    """
    if panel not in _PANELS:
        _PANELS.append(panel)


def panels_of(request: HttpRequest, product_id: str) -> list[SafeString]:
    """Return the HTML of all panels for a product."""
    return [html for panel in _PANELS if (html := import_string(panel)(request, product_id))]
