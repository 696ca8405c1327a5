"""Errors for clients. Each has its HTTP status.

Services and selectors raise them; `common.problems` turns them into RFC 9457 problem documents.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """An error of one input field."""

    field: str
    message: str

    def __str__(self) -> str:
        """Return field and message as one sentence."""
        return f"{self.field}: {self.message}" if self.field else self.message


class DomainError(Exception):
    """Base of all errors that become an answer instead of a crash."""

    status: ClassVar[int] = 400
    title: ClassVar[str] = "Bad request"

    def __init__(self, detail: str, *, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors


class InvalidInput(DomainError):
    """The input is invalid; the same input fails again."""

    title = "Invalid input"

    @classmethod
    def of(cls, field: str, message: str) -> "InvalidInput":
        """Return the error for one field."""
        error = FieldError(field, message)
        return cls(str(error), errors=(error,))


class Unauthenticated(DomainError):
    """No key, or an unknown one."""

    status = 401
    title = "Unauthenticated"


class Forbidden(DomainError):
    """The key or the user is known and lacks the right."""

    status = 403
    title = "Forbidden"


class NotFound(DomainError):
    """The named object does not exist."""

    status = 404
    title = "Not found"


class Conflict(DomainError):
    """The object's state does not allow this now."""

    status = 409
    title = "Conflict"


class TooLarge(DomainError):
    """More bytes or items than the API allows."""

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
    """A component is down; the same request works later."""

    status = 503
    title = "Unavailable"

    def __init__(self, detail: str, *, retry_after: int = 2) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
