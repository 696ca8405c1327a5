"""Mixins of every room's admin: changes by staff are recorded in their transaction, and some rows are read-only."""

import re
from collections.abc import Iterable
from typing import Any, ClassVar, Final

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.db import transaction
from django.http import HttpRequest, HttpResponseRedirect

from audit.services import record

ACTOR_IN_PARENTHESES: Final = re.compile(r"\((staff:\d+)\)\Z")


def actor_of(request: HttpRequest) -> str:
    """Return the actor of a request's user, as the log names staff."""
    return f"staff:{request.user.pk}"


def names_of(actors: Iterable[str]) -> dict[str, str]:
    """Return the name of each actor: the user name of staff, others unchanged. One query."""
    actor_ids = set(actors)
    numbers = [number for kind, _, number in (actor.partition(":") for actor in actor_ids) if kind == "staff"]
    rows = get_user_model().objects.filter(pk__in=[number for number in numbers if number.isdecimal()])
    staff = {f"staff:{row.pk}": row.get_username() for row in rows}
    return {actor: staff.get(actor, actor) for actor in actor_ids}


def name_of(actor: str) -> str:
    """Return the name of one actor."""
    return names_of([actor])[actor]


def actor_by_name(words: str) -> str:
    """Return the actor of a name, as pages show staff: `dee` or `dee (staff:4)`."""
    if match := ACTOR_IN_PARENTHESES.search(words):
        return match[1]
    user = get_user_model().objects.filter(username=words).first()
    return f"staff:{user.pk}" if user else words


class ReadOnly:
    """Mixin before ModelAdmin for rows that only the product writes.

    A shopper's rows are deleted by a privacy request, which reaches every store.
    """

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds by hand. Inlines pass the row that they belong to."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes by hand."""
        return False


class NamesActors:
    """Mixin before ModelAdmin for rows with an `actor`: `called` returns the actor's name, with one query for each
    list.
    """

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Set each row's `actor_name`."""
        changelist = super().get_changelist_instance(request)  # type: ignore[misc]
        names = names_of(row.actor for row in changelist.result_list)
        for row in changelist.result_list:
            row.actor_name = names[row.actor]
        return changelist

    def called(self, row: Any) -> str:
        """Return the name of a row's actor."""
        return getattr(row, "actor_name", None) or name_of(row.actor)


class LimitedActions:
    """Mixin before ModelAdmin: an action on all rows of a long list is refused before any row is read.

    Otherwise one click would work on a million rows within a request.
    """

    most_rows: ClassVar[int] = 500
    """Django's page of confirmation sends each row as a field, and takes no more than 1,000 fields."""

    def response_action(self, request: HttpRequest, queryset: Any) -> Any:
        """Run the action on the chosen rows, or say how many there may be."""
        chose_all = request.POST.get("select_across", "0") not in ("", "0")
        if chose_all and queryset[self.most_rows :].exists():
            message = f"An action takes up to {self.most_rows} rows: narrow the list with a search or a filter first."
            messages.error(request, message)
            return HttpResponseRedirect(request.get_full_path())
        return super().response_action(request, queryset)  # type: ignore[misc]


class AuditedAdmin:
    """Mixin before ModelAdmin for tables without services of their own.

    Records which fields changed, and the values of `recorded` fields only, because others may identify somebody. Values
    of `identifying` fields stand in the detail, which can be erased.
    """

    recorded: ClassVar[tuple[str, ...]] = ()
    identifying: ClassVar[tuple[str, ...]] = ()

    @transaction.atomic
    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Show the list. What an action of the list changes and its record are one transaction."""
        return super().changelist_view(request, extra_context)  # type: ignore[misc]

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        """Remember what the recorded fields were."""
        row = type(form.instance)._default_manager.filter(pk=form.instance.pk).first() if change else None
        obj = super().save_form(request, form, change)  # type: ignore[misc]
        obj.audit_before = {name: _plain(getattr(row, name)) for name in self.recorded} if row else {}
        return obj

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record the new row."""
        self.put_on_record(request, obj, "added", message)
        return super().log_addition(request, obj, message)  # type: ignore[misc]

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record the changed row. A form saved without changes is not recorded."""
        if message:
            self.put_on_record(request, obj, "changed", message)
        return super().log_change(request, obj, message)  # type: ignore[misc]

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Any]) -> Any:
        """Record each deleted row."""
        for obj in queryset:
            self.put_on_record(request, obj, "deleted")
        return super().log_deletions(request, queryset)  # type: ignore[misc]

    def put_on_record(self, request: HttpRequest, obj: Any, verb: str, message: Any = None) -> None:
        """Record an action on the row; `message` is Django's list of changes."""
        meta = obj._meta
        data: dict[str, Any] = {"changes": message if isinstance(message, list) else []}
        if self.recorded:
            data["values"] = {name: _plain(getattr(obj, name)) for name in self.recorded}
            before = getattr(obj, "audit_before", {})
            if before and verb == "changed":
                data["before"] = {name: old for name, old in before.items() if old != data["values"][name]}
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
