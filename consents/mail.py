"""Mail of the privacy desk: the one-time link, where the shop has a mail server (`EMAIL_HOST`)."""

from typing import Final

from django.conf import settings
from django.core.mail import send_mail
from django.urls import reverse


class NotSent(OSError):
    """No mail went out. The text names no address: workers log it."""


SUBJECT: Final = "Please confirm your request"
TEXT: Final = """Somebody asked {shop} about personal data, and gave this address.

If that was you, please confirm it here:
{link}

The link works once, for {days} days. If it was not you, nothing needs to be done.
"""
OWN_SUBJECT: Final = "Your link to your data"
OWN_TEXT: Final = """Somebody wants to see what {shop} knows of you, and gave this address.

If that was you, please open this page:
{link}

The link works once, for {minutes} minutes. If it was not you, nothing needs to be done.
"""


def is_possible() -> bool:
    """Return whether this installation can send mail."""
    return bool(settings.EMAIL_HOST and settings.PUBLIC_URL)


def send_link(contact: str, token: str, *, days: int) -> None:
    """Send the link. Raises NotSent."""
    link = f"{settings.PUBLIC_URL}{reverse('privacy-confirm', args=[token])}"
    text = TEXT.format(shop=settings.PUBLIC_URL, link=link, days=days)
    _send(SUBJECT, text, contact)


def send_own_link(address: str, secret: str, *, minutes: int) -> None:
    """Send a link to a shopper's own page. Raises NotSent."""
    link = f"{settings.PUBLIC_URL}{reverse('portal:your-data-link', args=[secret])}"
    text = OWN_TEXT.format(shop=settings.PUBLIC_URL, link=link, minutes=minutes)
    _send(OWN_SUBJECT, text, address)


def _send(subject: str, text: str, address: str) -> None:
    try:
        send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, [address])
    except OSError as error:  # those of smtplib too, whose text and whose traceback hold the address
        raise NotSent(f"the mail server took no mail: {type(error).__name__}") from None
