"""What other rooms show on the admin page of a product. Each registers a panel, so this room knows none of them."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from django.http import HttpRequest
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString

_PANELS: Final[list[str]] = []
_LABELS: Final[list[str]] = []


def register(panel: str) -> None:
    """Add a panel below the form of a product.

    It is the dotted path of a function that takes the request and the product id, and returns HTML, "" for nothing.
    """
    if panel not in _PANELS:
        _PANELS.append(panel)


def register_label(labels: str) -> None:
    """Add labels to the list of products.

    `labels` names a function by its dotted path; of ids of products it returns the words about those that have any.
    """
    if labels not in _LABELS:
        _LABELS.append(labels)


def labels_of(product_ids: Sequence[str]) -> dict[str, str]:
    """Return in words what other rooms say of products, by id; those without a mark are left out."""
    words = defaultdict[str, list[str]](list)
    for labels in _LABELS:
        for product_id, mark in import_string(labels)(product_ids).items():
            words[product_id].append(mark)
    return {product_id: ", ".join(labels) for product_id, labels in words.items()}


def panels_of(request: HttpRequest, product_id: str) -> list[SafeString]:
    """Return the HTML of all panels for a product."""
    return [html for panel in _PANELS if (html := import_string(panel)(request, product_id))]
