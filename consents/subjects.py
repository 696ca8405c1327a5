"""Raw ids, `user:ID` and `anonymous:ID`: of an event, and as a path spells them. Pure."""

from common.errors import InvalidInput

KINDS = ("user", "anonymous")
MAX_ID = 512
MAX_RAW_ID = len("anonymous:") + MAX_ID


def raw_ids(user_id: str | None, anonymous_id: str | None) -> list[str]:
    """Return the raw ids of an event: the user first."""
    pairs = (("user", user_id), ("anonymous", anonymous_id))
    return [f"{kind}:{value}" for kind, value in pairs if value]


def is_user(raw_id: str) -> bool:
    """Return whether the id is an account's."""
    return raw_id.startswith("user:")


def kind_of(raw_id: str) -> str:
    """Return `user` or `anonymous`."""
    return raw_id.partition(":")[0]


def parse_subject(text: str) -> str:
    """Return the raw id that a path names, without blanks around the id, as events are read; a bare id is a user.

    Raises InvalidInput.
    """
    text = text.strip()
    kind, separator, name = text.partition(":")
    kind, name = (kind, name.strip()) if separator and kind in KINDS else ("user", text)
    if not name or len(name) > MAX_ID or "\x00" in name:
        raise InvalidInput.of("subject", "must be user:ID, anonymous:ID or an id")
    return f"{kind}:{name}"
