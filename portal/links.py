"""Addresses of pages by URL name, where the page may not exist in this installation."""

from django.urls import NoReverseMatch, reverse


def link_of(name: str) -> str | None:
    """Return the URL, or None if the page is not registered."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return None
