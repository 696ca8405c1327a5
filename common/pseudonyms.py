"""Pseudonyms: the doors turn a shop's ids into keyed pseudonyms.

Behind the doors `user_id`, `anonymous_id` and `previous_id` are pseudonyms everywhere: on events, in profiles, models,
segments and orders. Nothing there tells who somebody is. `customers/shop_ids.py` leads back.
"""

import base64
import hmac
import re
from typing import Final

from common import sealed

PURPOSE: Final = "customers.shop_id"
PREFIX: Final = "p_"
SHAPE: Final = re.compile(r"p_[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])")


def pseudonym(id: str) -> str:
    """Return the pseudonym of an id of the shop: 128 bits of its HMAC-SHA256 under the installation's key.

    It is the same for a user id and an anonymous id, because an alias does not tell which of them it names.
    """
    mac = hmac.digest(sealed.derive(PURPOSE), id.encode("utf-8", "surrogatepass"), "sha256")
    return PREFIX + base64.urlsafe_b64encode(mac[:16]).decode().rstrip("=")


def pseudonym_or_none(id: str | None) -> str | None:
    """Return the pseudonym of an id, None for none."""
    return pseudonym(id) if id else None


def subject_pseudonym(subject: str) -> str:
    """Return `user:ID` or `anonymous:ID` with the pseudonym in place of the id."""
    kind, _, id = subject.partition(":")
    return f"{kind}:{pseudonym(id)}"


def staff_subject(subject: str) -> str:
    """Return the subject that staff typed: by an id of the shop, or by a pseudonym, which links in pages hold."""
    kind, _, id = subject.partition(":")
    return f"{kind}:{staff_pseudonym(id)}"


def staff_pseudonym(id: str) -> str:
    """Return the pseudonym of an id that staff typed, which may be one already."""
    return id if is_pseudonym(id) else pseudonym(id)


def is_pseudonym(id: str) -> bool:
    """Return whether this is written like a pseudonym. A shop's id may be so too: doors of the shop never look."""
    return SHAPE.fullmatch(id) is not None


def subjects_named(words: str) -> tuple[str, str]:
    """Return the subjects that staff may mean by `user:ID` or `anonymous:ID`; a bare id is either."""
    kind, _, id = words.partition(":")
    if kind in ("user", "anonymous") and id:
        return (staff_subject(words),) * 2
    return f"user:{staff_pseudonym(words)}", f"anonymous:{staff_pseudonym(words)}"
