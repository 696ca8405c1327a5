"""Errors that a door may show. Each knows its HTTP status and whether a retry can help.

Services and selectors raise these; `common.problems` turns them into RFC 9457 problem documents.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one named field of the input."""

    field: str
    message: str

    def __str__(self) -> str:
        """Return both as one sentence has them."""
        return f"{self.field}: {self.message}" if self.field else self.message


class DomainError(Exception):
    """Base of all errors that are answered, not crashed on."""

    status: ClassVar[int] = 400
    title: ClassVar[str] = "Bad request"

    def __init__(self, detail: str, *, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors


class InvalidInput(DomainError):
    """The input is wrong; retrying the same input cannot help."""

    title = "Invalid input"

    @classmethod
    def of(cls, field: str, message: str) -> "InvalidInput":
        """Return the error for one field."""
        error = FieldError(field, message)
        return cls(str(error), errors=(error,))


class Unauthenticated(DomainError):
    """No key, or a key nobody knows."""

    status = 401
    title = "Unauthenticated"


class Forbidden(DomainError):
    """The key or the person is known and may not do this."""

    status = 403
    title = "Forbidden"


class NotFound(DomainError):
    """The thing named does not exist."""

    status = 404
    title = "Not found"


class Conflict(DomainError):
    """The state of the thing does not allow this now."""

    status = 409
    title = "Conflict"


class TooLarge(DomainError):
    """More bytes or items than the contract allows."""

    status = 413
    title = "Too large"


class Throttled(DomainError):
    """Too many requests; retry after the given seconds."""

    status = 429
    title = "Too many requests"

    def __init__(self, detail: str, *, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(DomainError):
    """A part of ours is down; the same request will work later."""

    status = 503
    title = "Unavailable"

    def __init__(self, detail: str, *, retry_after: int = 2) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
