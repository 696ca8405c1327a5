"""One line of the event stream. Pure."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, Self

import orjson

from access.keys import masked

Verdict = Literal["kept", "consent", "waiting", "discarded", "rejected", "duplicate", "refused"]
VERDICTS: Final[tuple[Verdict, ...]] = (
    "kept",
    "consent",
    "waiting",
    "discarded",
    "rejected",
    "duplicate",
    "refused",
)
MAX_PAYLOAD: Final = 4096
"""Characters of a payload that a line holds; a longer one is left out."""
MAX_TEXT: Final = 300


@dataclass(frozen=True, slots=True)
class Line:
    """An event, a decision on consent or a refused request.

    `at` is in milliseconds since the epoch, when it was judged. `subjects` are all raw ids it names; without consent
    there are none, and no payload. `source` is `key:ID`, a masked key, `consents` or `server`. `status`, `route` and
    `origin` are a refused request's.
    """

    at: int
    verdict: Verdict
    name: str
    source: str = ""
    subjects: tuple[str, ...] = ()
    reason: str = ""
    payload: str = ""
    message_id: str = ""
    status: int = 0
    route: str = ""
    origin: str = ""

    def encode(self) -> bytes:
        """Return the line as JSON without empty fields and secrets, its texts cut to size."""
        line = replace(
            self,
            name=self.name[:MAX_TEXT],
            reason=masked(self.reason[:MAX_TEXT]),
            payload=masked(self.payload) if len(self.payload) <= MAX_PAYLOAD else "",
            message_id=self.message_id[:MAX_TEXT],
            origin=self.origin[:MAX_TEXT],
        )
        return orjson.dumps({name: value for name, value in asdict(line).items() if value})

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Return the line that `encode` wrote."""
        fields: dict[str, Any] = orjson.loads(body)
        fields["subjects"] = tuple(fields.get("subjects", ()))
        return cls(**{"name": "", **fields})
