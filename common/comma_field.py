"""A field of a form in the admin for a list in one line of text."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from common.comma_lists import join_names, split_names


class CommaListField(forms.CharField):
    """A list as text with commas; what holds a comma itself stands in quotes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, widget=UnfoldAdminTextInputWidget(), empty_value="", **options)

    def prepare_value(self, value: Any) -> Any:
        """Show a list."""
        return join_names(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        """Read a list; each name once."""
        return list(dict.fromkeys(split_names(super().to_python(value) or "")))

    def run_validators(self, value: Any) -> None:
        """Check the text as it is written: of a list, Django's validators look at quotes and escapes."""
        super().run_validators(self.prepare_value(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare as lists, as they were shown."""
        return bool(self.to_python(self.prepare_value(initial)) != self.to_python(data))
