"""What a privacy request holds about the shopper, sealed in its row: ids, contact, corrections, reasons."""

from dataclasses import asdict, dataclass, field
from typing import Any, Final

import orjson

from common import sealed
from common.privacy import Person

PURPOSE: Final = "consents.request"


@dataclass(slots=True)
class RequestContent:
    """The personal part of a request.

    `subjects` are the ids of the person and `shared` the devices that were also somebody else's, as far as they were
    looked up (`common.privacy.Person`).
    """

    subject: str
    contact: str = ""
    corrections: dict[str, Any] = field(default_factory=dict)
    purposes: list[str] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)
    shared: dict[str, list[list[int | None]]] = field(default_factory=dict)
    note: str = ""

    @property
    def person(self) -> Person:
        """The shopper with all ids that are known, the one of the request first."""
        shared = {raw_id: tuple((since, until) for since, until in spans) for raw_id, spans in self.shared.items()}
        subjects = dict.fromkeys([self.subject, *self.subjects])
        return Person(tuple(one for one in subjects if one not in shared), shared)

    def add(self, person: Person) -> None:
        """Add the ids that are known now: erased links would hide them from a later look."""
        self.subjects = list(dict.fromkeys([*self.subjects, *person.subjects]))
        self.shared |= {raw_id: [list(span) for span in spans] for raw_id, spans in person.shared.items()}

    def seal(self) -> bytes:
        """Return the content encrypted."""
        return sealed.seal(orjson.dumps(asdict(self)), purpose=PURPOSE)

    def without_ids(self, text: str) -> str:
        """Return a text in which the person's ids and contact are masked: messages of errors may quote them."""
        person = self.person
        values = [one.partition(":")[2] for one in (*person.subjects, *person.shared)] + [self.contact]
        for value in sorted(filter(None, values), key=len, reverse=True):
            text = text.replace(value, "…")
        return text


def unseal(content: bytes | memoryview) -> RequestContent:
    """Return the content that `seal` encrypted. Raises Unsealable."""
    return RequestContent(**orjson.loads(sealed.unseal(bytes(content), purpose=PURPOSE)))
