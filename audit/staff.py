"""For every room's admin: what staff change is recorded in the transaction that changes it; and what nobody may."""

import re
from collections.abc import Iterable
from typing import Any, ClassVar, Final

from django.contrib.auth import get_user_model
from django.http import HttpRequest

from audit.services import record

ACTOR_IN_PARENTHESES: Final = re.compile(r"\((staff:\d+)\)\Z")


def actor_of(request: HttpRequest) -> str:
    """Return how the log names the member of staff behind a request."""
    return f"staff:{request.user.pk}"


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """Return what each actor is called: members of staff by user name, others as the log knows them. One query."""
    actor_ids = set(actors)
    numbers = [number for kind, _, number in (actor.partition(":") for actor in actor_ids) if kind == "staff"]
    rows = get_user_model().objects.filter(pk__in=[number for number in numbers if number.isdecimal()])
    staff = {f"staff:{row.pk}": row.get_username() for row in rows}
    return {actor: staff.get(actor, actor) for actor in actor_ids}


def name_of(actor: str) -> str:
    """Return what one actor is called."""
    return names_of([actor])[actor]


def actor_by_name(words: str) -> str:
    """Return the actor that words name, members of staff as pages show them: `dee` or `dee (staff:4)`."""
    if match := ACTOR_IN_PARENTHESES.search(words):
        return match[1]
    user = get_user_model().objects.filter(username=words).first()
    return f"staff:{user.pk}" if user else words


class ReadOnly:
    """A mixin in front of ModelAdmin, for rows that the product itself writes and people look up.

    A shopper's rows go through a privacy request, which reaches every store.
    """

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes by hand."""
        return False


class NamesActors:
    """A mixin in front of ModelAdmin, for rows with an `actor`: `called` says who that is, one query a list."""

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Note on each row of the list what its actor is called."""
        changelist = super().get_changelist_instance(request)  # type: ignore[misc]
        names = names_of(row.actor for row in changelist.result_list)
        for row in changelist.result_list:
            row.actor_name = names[row.actor]
        return changelist

    def called(self, row: Any) -> str:
        """Return what the actor of a row is called."""
        return getattr(row, "actor_name", None) or name_of(row.actor)


class AuditedAdmin:
    """A mixin in front of ModelAdmin, for tables whose changes are no service of their own.

    Records which fields changed, and the values of those in `recorded` alone: others may identify somebody. Values of
    those in `identifying` stand in the detail, which can be erased.
    """

    recorded: ClassVar[tuple[str, ...]] = ()
    identifying: ClassVar[tuple[str, ...]] = ()

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record the new row."""
        self.put_on_record(request, obj, "added", message)
        return super().log_addition(request, obj, message)  # type: ignore[misc]

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record the changed row; a form that was saved as it was shown changed nothing."""
        if message:
            self.put_on_record(request, obj, "changed", message)
        return super().log_change(request, obj, message)  # type: ignore[misc]

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Any]) -> Any:
        """Record each row that goes."""
        for obj in queryset:
            self.put_on_record(request, obj, "deleted")
        return super().log_deletions(request, queryset)  # type: ignore[misc]

    def put_on_record(self, request: HttpRequest, obj: Any, verb: str, message: Any = None) -> None:
        """Write what was done to the row; `message` is Django's list of changes."""
        meta = obj._meta
        data: dict[str, Any] = {"changes": message if isinstance(message, list) else []}
        if self.recorded:
            data["values"] = {name: _plain(getattr(obj, name)) for name in self.recorded}
        record(
            category=meta.app_label,
            action=f"{meta.model_name}.{verb}",
            actor=actor_of(request),
            object=f"{meta.model_name}:{obj.pk}",
            data=data,
            detail={name: _plain(getattr(obj, name)) for name in self.identifying} or None,
        )


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | None) else str(value)
