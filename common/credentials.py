"""Credentials that stand in addresses: no message, log or row repeats them."""

import re

USERINFO = re.compile(r"(?<=://)[^\s/@]+(?:@[^\s/@]+)*@")


def masked(text: str) -> str:
    """Return the text, name and password of each address in it hidden: `postgresql://…@host/name`."""
    return USERINFO.sub("…@", text)
