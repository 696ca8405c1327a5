"""The steps of a new shop, until all are done: a key, products, events, a model, a shelf on a page."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.urls import NoReverseMatch, reverse

from access.selectors import generated_keys
from audit.selectors import entries
from catalog.selectors import has_products
from common import clock
from events.activity import has_events
from modelops.selectors.overview import live_model
from portal.permissions import WATCH, may
from portal.setup_blocks import Block, Here, event_blocks, here, product_blocks, shelf_blocks

PLACEMENTS: Final = "personalization.view_placement"
DEMO_LOADED: Final = "demo.loaded"
"""The audited action by which the demo fills a shop; a shop that it filled is not new."""
CONGRATULATION: Final = timedelta(days=14)
"""How long after the first key a finished list stays on the home page."""


@dataclass(frozen=True, slots=True)
class StepKind:
    """One step: whether it is done, the page where it is done, the permission for that page, and how."""

    title: str
    is_done: Callable[[], bool]
    page: str
    permission: str
    how: str
    blocks: Callable[[Here], tuple[Block, ...]] = lambda place: ()


STEPS: Final = (
    StepKind(
        "Make a key for the storefront",
        lambda: generated_keys().exists(),
        "admin:access_apikey_add",
        "access.add_apikey",
        "A publishable key for pages, a secret one for servers. The demo's own keys do not count here.",
    ),
    StepKind(
        "Bring in the products",
        has_products,
        "admin:catalog_product_import",
        "catalog.add_product",
        "From a CSV file, by the API with a secret key, or by hand.",
        product_blocks,
    ),
    StepKind(
        "Send the first event",
        has_events,
        "portal:stream",
        WATCH,
        "By the snippet or by the SDK that the shop has. The event stream shows it within a second. Models learn only "
        "from events whose shopper allowed train_models; consent given later does not count for events before it.",
        event_blocks,
    ),
    StepKind(
        "Train a model",
        lambda: live_model() is not None,
        "admin:modelops_trainingrun_train_page",
        "modelops.add_trainingrun",
        "It needs some views or purchases that allow train_models. Until then, shelves show products without one.",
    ),
    StepKind(
        "Put a shelf on a page",
        lambda: generated_keys().exclude(last_answer_at=None).exists(),
        "portal:performance",
        PLACEMENTS,
        "Ask for a placement: by the snippet, or by GET /api/v1/recommendations/home. Done once a page of yours, or "
        "your server, asked with a key of yours.",
        shelf_blocks,
    ),
)
NEXT: Final = (
    ("Preview what a shopper sees", "portal:preview", PLACEMENTS),
    ("See what recommendations bring", "portal:performance", PLACEMENTS),
    (
        "Choose what each placement shows",
        "admin:personalization_placement_changelist",
        "personalization.view_placement",
    ),
    ("Add a rule", "admin:personalization_rule_add", "personalization.add_rule"),
    ("Train every night", "admin:django_celery_beat_periodictask_changelist", "django_celery_beat.view_periodictask"),
)
"""What comes after the last step: title, page and permission."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `link` is "" for a person who may not do it, and then there are no blocks."""

    title: str
    done: bool
    link: str
    how: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Checklist:
    """The steps, and the links to what comes next once all are done."""

    steps: tuple[Step, ...]
    next_links: tuple[tuple[str, str], ...]

    @property
    def done(self) -> bool:
        """Whether all steps are done."""
        return all(step.done for step in self.steps)

    @property
    def current(self) -> str:
        """The title of the first step that is to be done, "" without one."""
        return next((step.title for step in self.steps if not step.done), "")


def checklist_for(user: AbstractBaseUser | AnonymousUser) -> Checklist | None:
    """Return the steps, or None: of a shop that is not new, and for a person who may do nothing of them."""
    if not any(may(user, kind.permission) for kind in STEPS) or _filled_by_demo():
        return None
    place = here()
    steps = tuple(_step(kind, user, place) for kind in STEPS)
    if all(step.done for step in steps) and not _is_young():
        return None
    links = ((title, _link(page)) for title, page, permission in NEXT if may(user, permission))
    return Checklist(steps, tuple(link for link in links if link[1]))


def _step(kind: StepKind, user: AbstractBaseUser | AnonymousUser, place: Here) -> Step:
    link = _link(kind.page) if may(user, kind.permission) else ""
    return Step(kind.title, kind.is_done(), link, kind.how, kind.blocks(place) if link else ())


def _filled_by_demo() -> bool:
    return any(entry.data.get("products") for entry in entries(action=DEMO_LOADED, limit=1))


def _is_young() -> bool:
    first = generated_keys().order_by("created_at").first()
    return first is not None and first.created_at > clock.now() - CONGRATULATION


def _link(page: str) -> str:
    try:
        return reverse(page)
    except NoReverseMatch:
        return ""
