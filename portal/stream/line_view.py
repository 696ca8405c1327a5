"""What a viewer sees of one line of the stream: names of keys instead of labels, and ids only where the role may."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import orjson

from common.clock import from_microseconds
from customers.personal_seals import opened_payload
from events.sender_texts import masked_fields, masked_message_id, masked_name
from events.stream.line import Line
from events.stream.refusals import PERSONAL

OPEN_FIELDS: Final = frozenset(
    {"kind", "name", "at", "properties", "consents", "allowed", "type", "event", "timestamp", "originalTimestamp"}
)
"""Fields of a payload that name no shopper."""
HIDDEN: Final = "Your role sees no payload that cannot be read."
TOO_LARGE: Final = "Too large for this page. Whole events are under Events a moment later."
REPEATED: Final = "received again: counted once"
CHIPS: Final = {"kept": "yes", "consent": "yes", "rejected": "no", "refused": "no"}


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: whether they may see ids, and names, the names of keys by label, and the secret behind masks."""

    sees_ids: bool
    sees_names: bool
    titles: Mapping[str, str]
    secret: str

    def subject(self, raw_id: str) -> str:
        """Return the raw id, or a mask that is the same for each line of a subject."""
        if self.sees_ids:
            return raw_id
        kind = raw_id.partition(":")[0]
        return f"{kind}:#{hmac.new(self.secret.encode(), raw_id.encode(), hashlib.sha256).hexdigest()[:8]}"

    def title(self, source: str) -> str:
        """Return the name of a key, or what else sent it."""
        return self.titles.get(source, source)


@dataclass(frozen=True)
class LineView:
    """One line for one viewer."""

    cursor: str
    line: Line
    viewer: Viewer

    @property
    def at(self) -> datetime:
        """When it was judged."""
        return from_microseconds(self.line.at * 1000)

    @property
    def verdict(self) -> str:
        """The verdict in words: a repeat is no fault, and changes nothing."""
        return REPEATED if self.line.verdict == "duplicate" else self.line.verdict

    @property
    def chip(self) -> str:
        """The class of the verdict's chip."""
        return CHIPS.get(self.line.verdict, "")

    @property
    def key(self) -> str:
        """The name of the key that sent it."""
        return self.viewer.title(self.line.source)

    @property
    def subjects(self) -> tuple[str, ...]:
        """All subjects that it names, the one it belongs to first."""
        return tuple(map(self.viewer.subject, self.line.subjects))

    @property
    def message_id(self) -> str:
        """The message id; without a view of ids none, because some clients make it from one."""
        if not self.viewer.sees_ids:
            return ""
        return self.line.message_id if self.viewer.sees_names else masked_message_id(self.line.message_id)

    @property
    def name(self) -> str:
        """The name of the event; a custom one only for who may see names."""
        is_event = self.line.verdict in ("kept", "rejected", "consent", "duplicate")
        return masked_name(self.line.name) if is_event and not self.viewer.sees_names else self.line.name

    @property
    def reason(self) -> str:
        """Why it has its verdict."""
        return self.line.reason if self.viewer.sees_ids else PERSONAL.sub("…", self.line.reason)

    @cached_property
    def payload(self) -> str:
        """The payload as indented JSON; without a view of ids only the fields that name no shopper."""
        text = self.line.payload
        if not text:
            return TOO_LARGE if self.line.verdict in ("kept", "rejected", "consent") else ""
        try:
            fields = orjson.loads(text)
        except orjson.JSONDecodeError:
            return text if self.viewer.sees_ids else HIDDEN
        fields = opened_payload(fields, by_name=self.viewer.sees_names)
        if not self.viewer.sees_names and isinstance(fields, dict):
            fields = masked_fields(fields)
        if not self.viewer.sees_ids:
            fields = self._without_ids(fields)
        return orjson.dumps(fields, option=orjson.OPT_INDENT_2).decode()

    def _without_ids(self, fields: Any) -> Any:
        if not isinstance(fields, dict):
            return HIDDEN
        text = orjson.dumps({name: value for name, value in fields.items() if name in OPEN_FIELDS}).decode()
        ids = {one.partition(":")[2] for one in self.line.subjects}
        ids |= {
            str(value) for name, value in fields.items() if name not in OPEN_FIELDS and isinstance(value, str | int)
        }
        return _masked(orjson.loads(text), ids)


def _masked(value: Any, ids: set[str]) -> Any:
    """Return the value with a dot for each text that is an id or looks like an address."""
    match value:
        case dict():
            return {name: _masked(inner, ids) for name, inner in value.items()}
        case list():
            return [_masked(inner, ids) for inner in value]
        case str():
            return "…" if value in ids else PERSONAL.sub("…", value)
    return value
