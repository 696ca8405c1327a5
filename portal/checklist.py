"""The steps of a new shop, until all are done: a key, products, events, a model, a shelf on a page."""

from dataclasses import dataclass
from typing import Final

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.urls import NoReverseMatch, reverse

from access.selectors import has_keys
from catalog.selectors import has_products
from events.activity import has_events
from events.performance import has_answers
from modelops.selectors.overview import live_model
from portal.permissions import WATCH, may

STEPS: Final = (
    ("Make a key for the storefront", has_keys, "admin:access_apikey_add", "access.add_apikey",
     "A publishable key for pages, a secret one for servers."),
    ("Bring in the products", has_products, "admin:catalog_product_import", "catalog.add_product",
     "From a CSV file, by the API, or by hand."),
    ("Send the first event", has_events, "portal:stream", WATCH,
     "By the snippet or by the SDK that the shop has. The event stream shows it within a second."),
    ("Train a model", lambda: live_model() is not None, "admin:modelops_trainingrun_train_page",
     "modelops.add_trainingrun", "It needs some purchases or views. Until then, shelves show products without one."),
    ("Put a shelf on a page", has_answers, "portal:performance", "personalization.view_placement",
     "Ask for a placement: by the snippet, or by GET /api/v1/recommendations/home."),
)  # fmt: skip
"""Title, whether it is done, the page where it is done, the permission for that page, and how."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `link` is "" for a person who may not do it."""

    title: str
    done: bool
    link: str
    how: str


def open_steps(user: AbstractBaseUser | AnonymousUser) -> list[Step]:
    """Return all steps while any is to be done, else none; also none for a person who may do nothing of them."""
    if not any(may(user, permission) for _, _, _, permission, _ in STEPS):
        return []
    steps = [
        Step(title, is_done(), _link(page) if may(user, permission) else "", how)
        for title, is_done, page, permission, how in STEPS
    ]
    return [] if all(step.done for step in steps) else steps


def _link(page: str) -> str:
    try:
        return reverse(page)
    except NoReverseMatch:
        return ""
