"""One-time links to a shopper's own page, mailed to an address that the shop knew of an account.

A link holds the account sealed, so nothing is stored for it but a mark once it was used.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final

import orjson
from celery import current_app

from common import clock, redis, sealed
from common.errors import InvalidInput
from common.ids import uuid7
from consents import mail
from consents.suppression_mark import mark_of
from customers.personal import email_hash
from customers.selectors import users_with_email

TASK: Final = "consents.send_own_link"
LINK_SECONDS: Final = 60 * 60
REST_SECONDS: Final = 10 * 60
"""An address gets one mail for each of its accounts in this time."""
MOST_ACCOUNTS: Final = 3
LONGEST_ADDRESS: Final = 320
PURPOSE: Final = "consents.own_link"
SENT: Final = "v:ownlink:sent:"
USED: Final = "v:ownlink:used:"
"""Begin the keys in Redis; keyed marks and hashes follow, which name nobody."""


def queue_own_link(address: str) -> None:
    """Have a worker look the address up and mail a link, so that the answer tells nothing. Raises InvalidInput."""
    address = address.strip()
    if not 3 <= len(address) <= LONGEST_ADDRESS or "@" not in address or any(map(str.isspace, address)):
        raise InvalidInput.of("email", "must be an e-mail address")
    current_app.send_task(TASK, args=[_text(sealed.seal(address.encode(), purpose=TASK))])


def send_own_link(sealed_address: str) -> None:
    """Mail a link for each account of the address; nothing where the shop knows none.

    Raises redis errors and `mail.NotSent`: call it again then, and accounts whose link went out get no second one.
    """
    address = sealed.unseal(urlsafe_b64decode(sealed_address), purpose=TASK).decode()
    client = redis.client()
    for user_id in users_with_email(email_hash(address))[:MOST_ACCOUNTS]:
        mark = f"{SENT}{mark_of(f'{address.lower()} {user_id}')}"
        if not client.set(mark, 1, nx=True, ex=REST_SECONDS):
            continue
        try:
            mail.send_own_link(address, new_link(f"user:{user_id}"), minutes=LINK_SECONDS // 60)
        except mail.NotSent:
            client.delete(mark)
            raise


def new_link(subject: str) -> str:
    """Return the secret of a link that opens the page of this account once."""
    content = {"id": str(uuid7()), "subject": subject, "ends_at": clock.real_now().timestamp() + LINK_SECONDS}
    return _text(sealed.seal(orjson.dumps(content), purpose=PURPOSE))


def is_live_own_link(secret: str) -> bool:
    """Return whether the link would open a page; nothing else is told about it. Raises redis errors."""
    content = _content_of(secret)
    return content is not None and not redis.client().exists(_used_key(content))


def use_own_link(secret: str) -> str | None:
    """Return the account of the link, and end the link; None where it does not work. Raises redis errors."""
    content = _content_of(secret)
    if content is None or not redis.client().set(_used_key(content), 1, nx=True, ex=LINK_SECONDS):
        return None
    return str(content["subject"])


def _content_of(secret: str) -> dict[str, Any] | None:
    """Return what a link holds, None where it is forged or too old."""
    try:
        content: dict[str, Any] = orjson.loads(sealed.unseal(urlsafe_b64decode(secret), purpose=PURPOSE))
    except (ValueError, sealed.Unsealable):
        return None
    return content if content["ends_at"] > clock.real_now().timestamp() else None


def _used_key(content: dict[str, Any]) -> str:
    """Return the key of the mark. It depends on the content: one secret may be spelled in several ways."""
    return f"{USED}{mark_of(orjson.dumps(content).decode())}"


def _text(content: bytes) -> str:
    return urlsafe_b64encode(content).decode()
