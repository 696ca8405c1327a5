"""A mixin of admin pages that masks names and contact data for staff who may not see them."""

from typing import Any, ClassVar, Final

import orjson
from django.contrib import admin
from django.http import HttpRequest

from customers.personal import masked

PERSONAL_DATA: Final = "customers.view_personal_data"
HIDDEN: Final = "hidden: it is no whole JSON, and your role may not see names and contact data"


class MasksPersonalData:
    """A mixin before ModelAdmin: who lacks the permission sees each of `masked_fields` by its method `masked_NAME`."""

    masked_fields: ClassVar[tuple[str, ...]] = ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Replace fields that hold personal data."""
        return self._replaced(request, super().get_fields(request, obj))  # type: ignore[misc]

    def get_list_display(self, request: HttpRequest) -> Any:
        """Replace columns that hold personal data."""
        return self._replaced(request, super().get_list_display(request))  # type: ignore[misc]

    def _replaced(self, request: HttpRequest, names: Any) -> Any:
        if request.user.has_perm(PERSONAL_DATA):
            return names
        return [f"masked_{name}" if name in self.masked_fields else name for name in names]


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
