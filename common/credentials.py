"""Masks credentials in addresses, for messages, logs and rows."""

import re

USERINFO = re.compile(r"(?<=://)[^\s/@]+(?:@[^\s/@]+)*@")


def masked(text: str) -> str:
    """Return the text without name and password of each address: `postgresql://…@host/name`."""
    return USERINFO.sub("…@", text)
