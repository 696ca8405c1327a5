"""Forms in rows: as many as a page asks for, added and removed without a script."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from django import forms

F = TypeVar("F", bound="RowForm")
MOST_ROWS = 40


class RowForm(forms.Form):
    """One row. A row with `remove` is left out."""

    remove = forms.BooleanField(required=False, label="Remove")

    def is_blank(self) -> bool:
        """Return whether nothing was typed into a row of the page."""
        return not self.has_changed()


class Rows(Generic[F]):
    """The rows of one list. `prefix-count` in the data says how many there are.

    With `typed` the rows show what was typed without judging it, less the removed rows, plus `more` empty ones.
    """

    def __init__(
        self,
        form_class: type[F],
        prefix: str,
        *,
        data: Mapping[str, Any] | None = None,
        initial: Sequence[Mapping[str, Any]] = (),
        typed: bool = False,
        more: int = 0,
        **options: Any,
    ) -> None:
        self.prefix, self.errors = prefix, list[str]()
        self._class, self._options = form_class, options
        if data is None:
            self.forms = [self._row(number, initial=one) for number, one in enumerate(initial)]
        elif typed:
            rows = [typed_values(form) for form in self._bound(data)]
            remaining = [
                {name: value for name, value in row.items() if name != "remove"} for row in rows if not row["remove"]
            ]
            self.forms = [
                self._row(number, initial=row) for number, row in enumerate([*remaining, *({} for _ in range(more))])
            ]
        else:
            self.forms = self._bound(data)

    def __iter__(self) -> Iterator[F]:
        return iter(self.forms)

    @property
    def count(self) -> int:
        """The number of rows on the page."""
        return len(self.forms)

    def is_valid(self) -> bool:
        """Return whether all rows that are not removed are valid."""
        valid = [form.is_valid() for form in self.filled]
        return all(valid)

    @property
    def filled(self) -> list[F]:
        """The rows that are neither removed nor blank."""
        return [form for form in self.forms if not typed_values(form)["remove"] and not form.is_blank()]

    def _bound(self, data: Mapping[str, Any]) -> list[F]:
        text = str(data.get(f"{self.prefix}-count", ""))
        count = min(int(text), MOST_ROWS) if text.isascii() and text.isdecimal() else 0
        return [self._row(number, data=data) for number in range(count)]

    def _row(self, number: int, **options: Any) -> F:
        return self._class(prefix=f"{self.prefix}-{number}", **options, **self._options)


def typed_values(form: forms.Form) -> dict[str, Any]:
    """Return what was typed into a bound form, by field, as its widgets read it."""
    return {
        name: field.widget.value_from_datadict(form.data, form.files, form.add_prefix(name))
        for name, field in form.fields.items()
    }
