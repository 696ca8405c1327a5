"""What a privacy request holds about the shopper, sealed in its row: ids, contact, corrections, reasons."""

from dataclasses import asdict, dataclass, field
from typing import Any, Final

import orjson

from common import sealed
from common.privacy import Person

PURPOSE: Final = "consents.request"


@dataclass(slots=True)
class RequestContent:
    """The personal part of a request. `subjects` are all ids of the person, as far as they were looked up."""

    subject: str
    contact: str = ""
    corrections: dict[str, Any] = field(default_factory=dict)
    purposes: list[str] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)
    note: str = ""

    @property
    def person(self) -> Person:
        """The shopper with all ids that are known, the one of the request first."""
        return Person(tuple(dict.fromkeys([self.subject, *self.subjects])))

    def seal(self) -> bytes:
        """Return the content encrypted."""
        return sealed.seal(orjson.dumps(asdict(self)), purpose=PURPOSE)

    def without_ids(self, text: str) -> str:
        """Return a text in which the person's ids and contact are masked: messages of errors may quote them."""
        values = [one.partition(":")[2] for one in self.person.subjects] + [self.contact]
        for value in sorted(filter(None, values), key=len, reverse=True):
            text = text.replace(value, "…")
        return text


def unseal(content: bytes | memoryview) -> RequestContent:
    """Return the content that `seal` encrypted. Raises Unsealable."""
    return RequestContent(**orjson.loads(sealed.unseal(bytes(content), purpose=PURPOSE)))
