"""A subject as a path spells it: `user:ID`, `anonymous:ID`; a bare id is a user. Pure."""

from common.errors import InvalidInput

KINDS = ("user", "anonymous")
MAX_ID = 512


def parse_subject(text: str) -> str:
    """Return the raw id that a path names. Raises InvalidInput where it names none."""
    kind, separator, name = text.partition(":")
    raw_id = text if separator and kind in KINDS else f"user:{text}"
    name = raw_id.partition(":")[2]
    if not name.strip() or len(name) > MAX_ID or "\x00" in name:
        raise InvalidInput.of("subject", "must be user:ID, anonymous:ID or an id")
    return raw_id
