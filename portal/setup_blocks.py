"""Commands and markup to copy, with this installation's address and keys in them."""

from dataclasses import dataclass
from typing import Final

from django.conf import settings
from django.template.loader import render_to_string

from access.selectors import storefront_key
from common.demo_keys import SECRET_KEY

ANY_KEY: Final = "pk_…"
ANY_SECRET: Final = "sk_…"


@dataclass(frozen=True, slots=True)
class Block:
    """A text to copy, and what it is."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Here:
    """The address of this installation, and the keys that may be shown: a secret one is the demo's alone."""

    host: str
    key: str
    secret: str


def here() -> Here:
    """Return address and keys; a key that nobody made yet, or that is not stored, is `pk_…` or `sk_…`."""
    secret = SECRET_KEY if settings.DEMO else ANY_SECRET
    return Here(settings.PUBLIC_URL.rstrip("/"), storefront_key() or ANY_KEY, secret)


def product_blocks(place: Here) -> tuple[Block, ...]:
    """Return how a server writes one product."""
    return (_block("One product, from a server", "product.sh", place),)


def event_blocks(place: Here) -> tuple[Block, ...]:
    """Return how an event is sent with its consent: by hand, and by an SDK."""
    return (
        _block("By hand", "event.sh", place),
        _block("By the SDK @segment/analytics-next; others are in docs/storefront.md", "event.js", place),
    )


def shelf_blocks(place: Here) -> tuple[Block, ...]:
    """Return a page with a consent banner and a shelf."""
    return (_block("A page with a consent banner and a shelf; save it as a file of your shop", "shelf.html", place),)


def _block(title: str, name: str, place: Here) -> Block:
    values = {"host": place.host, "key": place.key, "secret": place.secret}
    return Block(title, render_to_string(f"portal/setup/{name}", values).strip())
