"""Setup of the demo before any data: keys, one login per role, placements. All steps are idempotent."""

from typing import Final

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import transaction

from access.scopes import SCOPE_NAMES
from access.selectors import key_exists
from access.services import create_key, sync_roles
from catalog.browsing import top_categories
from common.demo_keys import PUBLIC_KEY, SECRET_KEY
from consents.services.policy_texts import publish_policy
from personalization.selectors.placements import active_placements
from personalization.services.placements import save_placement
from profiles.selectors.segments import titles as segment_titles
from profiles.services.segments import create_segment

ACTOR: Final = "system:demo"
PASSWORD: Final = "vitrine-demo"
LOGINS: Final = {
    "merchandiser": "merchandiser",
    "marketer": "marketer",
    "compliance": "compliance officer",
    "scientist": "data scientist",
    "accounts": "account manager",
    "operator": "operator",
    "admin": "",
}
"""Role by user name; the empty role is the superuser."""

POLICY_VERSION: Final = "demo-1"
POLICY: Final = """This is a demo shop; its shoppers are simulated.

Where you agree, we keep what you look at and buy, show you products that fit, and train models with it.
You can withdraw at any time, read what we know about you, download it, and have it erased.
"""

SVD_PLACEMENT: Final = {
    "name": "Home page: matrix factorization alone",
    "strategy": "svd",
    "fallback": ["trending", "popular", "catalog_order"],
    "size": 12,
}
SEGMENTS: Final = {
    "big-spenders": ("Big spenders", {"trait": "rfm.monetary", "is": "at_least", "value": 200}),
    "new-visitors": ("New visitors", {"trait": "sessions.count", "is": "at_most", "value": 1}),
}
"""Name and rule by key."""


def prepare() -> None:
    """Create what is missing; existing rows stay unchanged."""
    sync_roles(actor=ACTOR)
    _keys()
    _logins()
    publish_policy(version=POLICY_VERSION, body=POLICY, actor=ACTOR)
    if "home-svd" not in active_placements():
        save_placement("home-svd", data=SVD_PLACEMENT, actor=ACTOR)


def make_segments() -> None:
    """Create segments to try rules on; existing ones stay unchanged. The catalog is filled by then."""
    titles = dict(segment_titles())
    for category in top_categories(1):
        looks = {"event": "view", "is": "at_least", "times": 3, "within": "30 days", "category": [category]}
        rules = {**SEGMENTS, "category-lookers": (f"Looks at {category}", looks)}
        for key in rules.keys() - titles.keys():
            name, rule = rules[key]
            create_segment(key=key, name=name, rule=rule, actor=ACTOR)


def set_rest_days(days: int) -> None:
    """Set the number of days after a purchase in which the home page does not show the product."""
    save_placement("home", data={"rest_days": days}, actor=ACTOR)


def _keys() -> None:
    if not key_exists(PUBLIC_KEY):
        create_key(kind="pk", name="Demo storefront", raw=PUBLIC_KEY, actor=ACTOR)
    if not key_exists(SECRET_KEY):
        create_key(kind="sk", name="Demo server", scopes=sorted(SCOPE_NAMES), raw=SECRET_KEY, actor=ACTOR)


@transaction.atomic
def _logins() -> None:
    users = get_user_model()
    for name, role in LOGINS.items():
        user, created = users.objects.get_or_create(
            username=name, defaults={"is_staff": True, "is_superuser": not role, "email": f"{name}@example.com"}
        )
        if not created:
            continue
        user.set_password(PASSWORD)
        user.save(update_fields=["password"])
        if role:
            user.groups.add(Group.objects.get(name=role))
