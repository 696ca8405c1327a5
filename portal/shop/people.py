"""Logins of the demo shop, with the signed user id for the browser."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings

from access.identity import sign_user
from access.selectors import resolve_key
from common import clock
from common.errors import Unauthenticated
from common.pseudonyms import subject_pseudonym
from customers.selectors import identity_of, users_with_attributes
from customers.shop_ids import with_ids

KEY: Final = "shop.user"
GUIDES = 12


@dataclass(frozen=True, slots=True)
class DemoShopper:
    """A shopper of the demo; `user_hash` proves to the collector that the shop's server authenticated her."""

    user_id: str
    name: str
    user_hash: str = ""
    about: str = ""


def become(session: MutableMapping[str, Any], user_id: str) -> None:
    """Log in as the customer, or out with an empty id."""
    if user_id:
        session[KEY] = user_id
    else:
        session.pop(KEY, None)


def logged_in(session: MutableMapping[str, Any]) -> DemoShopper | None:
    """Return the logged-in shopper, or None."""
    user_id = session.get(KEY)
    if not user_id:
        return None
    attributes = identity_of(subject_pseudonym(f"user:{user_id}"), now=clock.now()).attributes
    return DemoShopper(user_id, str(attributes.get("first_name") or user_id), user_hash=_proof(user_id))


def guides() -> list[DemoShopper]:
    """Return some customers as whom the visitor may log in."""
    return [
        DemoShopper(user_id, str(attributes.get("first_name") or user_id), about=_about(attributes))
        for user_id, attributes in with_ids(users_with_attributes(limit=GUIDES))
    ]


def _about(attributes: dict[str, Any]) -> str:
    values = (attributes.get(name) for name in ("city", "age_band", "loyalty", "household", "income"))
    return ", ".join(str(value) for value in values if value and value != "none")


def _proof(user_id: str) -> str:
    try:
        return sign_user(resolve_key(settings.SHOP_PUBLIC_KEY).identity_secret, user_id=user_id)
    except Unauthenticated:
        return ""
