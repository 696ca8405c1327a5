"""An admin form field for a list in one line of text."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextInputWidget

from common.comma_lists import join_names, split_names


class CommaListField(forms.CharField):
    """A list as comma-separated text; names with a comma stand in quotes."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, widget=UnfoldAdminTextInputWidget(), empty_value="", **options)

    def prepare_value(self, value: Any) -> Any:
        """Show a list."""
        return join_names(value) if isinstance(value, list | tuple) else value

    def to_python(self, value: Any) -> Any:
        """Read a list; each name once."""
        return list(dict.fromkeys(split_names(super().to_python(value) or "")))

    def run_validators(self, value: Any) -> None:
        """Validate the text as written, because Django's validators would see the quotes of a list's repr."""
        super().run_validators(self.prepare_value(value))

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare as lists."""
        return bool(self.to_python(self.prepare_value(initial)) != self.to_python(data))
