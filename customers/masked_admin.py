"""A mixin of admin pages that masks names and contact data for staff who may not see them."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final

import orjson
from django.contrib import admin
from django.http import HttpRequest

from customers.personal import masked
from customers.personal_seals import opened_all

PERSONAL_DATA: Final = "customers.view_personal_data"
HIDDEN: Final = "hidden: it is no whole JSON, and your role may not see names and contact data"


class MasksPersonalData:
    """A mixin before ModelAdmin: who lacks the permission sees each of `masked_fields` by its method `masked_NAME`."""

    masked_fields: ClassVar[tuple[str, ...]] = ()
    sealed_fields: ClassVar[tuple[str, ...]] = ()
    """JSON columns with sealed values, which pages show opened. The rows are never saved."""

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Replace fields that hold personal data."""
        return self._replaced(request, super().get_fields(request, obj))  # type: ignore[misc]

    def get_list_display(self, request: HttpRequest) -> Any:
        """Replace columns that hold personal data."""
        return self._replaced(request, super().get_list_display(request))  # type: ignore[misc]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Open sealed values of the row."""
        row = super().get_object(request, object_id, from_field)  # type: ignore[misc]
        self._open([] if row is None else [row])
        return row

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Open sealed values of the rows in the list, with one query."""
        changelist = super().get_changelist_instance(request)  # type: ignore[misc]
        columns = {*self.masked_fields} & {*self.list_display}  # type: ignore[attr-defined]
        self._open(changelist.result_list if columns else [])
        return changelist

    def _open(self, rows: Iterable[Any]) -> None:
        for name in self.sealed_fields:
            all_rows = list(rows)
            for row, value in zip(all_rows, opened_all([getattr(row, name) for row in all_rows]), strict=True):
                setattr(row, name, value)

    def _replaced(self, request: HttpRequest, names: Any) -> Any:
        if request.user.has_perm(PERSONAL_DATA):
            return names
        return [self._replacement(name) for name in names]

    def _replacement(self, name: Any) -> Any:
        if isinstance(name, list | tuple):  # fields on one line
            return tuple(map(self._replacement, name))
        return f"masked_{name}" if name in self.masked_fields else name


def masked_text(name: str, mask: Callable[[str], str]) -> Any:
    """Return a method of an admin that shows what a function makes of a text of its row."""

    @admin.display(description=name.replace("_", " "))
    def column(self: Any, row: Any) -> str:
        return mask(str(getattr(row, name)))

    return column


def masked_column(name: str) -> Any:
    """Return a method of an admin that shows a JSON column, or JSON text, of its row masked."""

    @admin.display(description=name.replace("_", " "))
    def column(self: Any, row: Any) -> str:
        value = getattr(row, name)
        if isinstance(value, str):
            try:
                value = orjson.loads(value)
            except orjson.JSONDecodeError:
                return HIDDEN
        return orjson.dumps(masked(value), option=orjson.OPT_INDENT_2, default=str).decode()

    return column
