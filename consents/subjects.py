"""A subject as a path spells it: `user:ID`, `anonymous:ID`; a bare id is a user. Pure."""

from common.errors import InvalidInput

KINDS = ("user", "anonymous")
MAX_ID = 512


def parse_subject(text: str) -> str:
    """Return the raw id that a path names, without blanks around the id, as events are read. Raises InvalidInput."""
    text = text.strip()
    kind, separator, name = text.partition(":")
    kind, name = (kind, name.strip()) if separator and kind in KINDS else ("user", text)
    if not name or len(name) > MAX_ID or "\x00" in name:
        raise InvalidInput.of("subject", "must be user:ID, anonymous:ID or an id")
    return f"{kind}:{name}"
