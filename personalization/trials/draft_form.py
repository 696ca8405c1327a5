"""The fields of a rule's wording, as its form, the live check and the preview read them."""

from decimal import Decimal
from typing import Any, Final

from django import forms
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
)

from common import clock
from common.comma_field import CommaListField
from personalization.models import RuleVersion
from personalization.services.rules import ABOUT

WORDING: Final = (
    *("effect", "position", "factor", "cap", "cap_by", "priority", "holdout_percent"),
    *("placements", "segments", "context_products", "context_categories", "starts_at", "ends_at"),
    *ABOUT,
)
FACTOR: Final = 2.0
"""The default factor of boost and bury."""
CLOCK: Final = "In UTC, as all times on these pages."
PICKERS: Final = {
    "products": "products",
    "context_products": "products",
    "categories": "categories",
    "context_categories": "categories",
    "brands": "brands",
    "segments": "segments",
    "placements": "placements",
}
"""What each list of names is searched in, by field."""
KINDS: Final = {"position": "pin", "factor": "boost bury", "cap": "cap", "cap_by": "cap"}
"""The kinds of rule that use a field, for fields that not all kinds use."""


def number(**options: Any) -> forms.IntegerField:
    """Return a field for a whole number that may be empty."""
    return forms.IntegerField(required=False, widget=UnfoldAdminIntegerFieldWidget(), **options)


def amount(**options: Any) -> forms.DecimalField:
    """Return a field for a price that may be empty."""
    return forms.DecimalField(
        required=False,
        min_value=Decimal(0),
        max_digits=16,
        decimal_places=4,
        widget=UnfoldAdminDecimalFieldWidget(),
        **options,
    )


def moment(**options: Any) -> forms.SplitDateTimeField:
    """Return a field for a date and time that may be empty."""
    return forms.SplitDateTimeField(
        required=False,
        error_messages=clock.HOW_TO_WRITE,
        widget=UnfoldAdminSplitDateTimeWidget(),
        **options,
    )


class DraftForm(forms.Form):
    """The wording of a rule version."""

    effect = forms.ChoiceField(
        choices=RuleVersion.Effect.choices, widget=UnfoldAdminSelectWidget(), label="What it does"
    )
    position = number(min_value=1, max_value=100, help_text="Pin: the place, from 1.")
    factor = forms.FloatField(
        required=False,
        min_value=1,
        max_value=100,
        initial=FACTOR,
        widget=UnfoldAdminDecimalFieldWidget(),
        help_text="Boost, bury: 2 (the default) moves place 10 to place 5, or to place 20.",
    )
    cap = number(min_value=0, label="At most", help_text="Cap: how many of the products below.")
    cap_by = forms.ChoiceField(
        choices=RuleVersion.CapBy.choices, required=False, widget=UnfoldAdminSelectWidget(), label="Counted for"
    )
    priority = number(
        initial=0, min_value=-1000, max_value=1000, help_text="Where two rules want one place, the higher wins."
    )
    holdout_percent = number(
        label="Hold-out",
        initial=0,
        min_value=0,
        max_value=50,
        help_text="Percent of shoppers for whom the rule does not apply, to see what it brings. 0: none.",
    )
    placements = CommaListField(help_text="home, cart. Empty: everywhere.")
    segments = CommaListField(label="For segments", help_text="Keys of segments; one is enough. Empty: everybody.")
    context_products = CommaListField(label="When looking at products", help_text="By title or id.")
    context_categories = CommaListField(
        label="When looking at categories", help_text="Furniture/Chairs, or one name of a path."
    )
    starts_at = moment(label="From", help_text=CLOCK)
    ends_at = moment(label="Until", help_text=CLOCK)
    products = CommaListField(help_text="By title or id. A pin of several takes places one after the other.")
    categories = CommaListField(help_text="Furniture/Chairs, or one name of a path.")
    brands = CommaListField()
    min_price = amount(label="Price from")
    max_price = amount(label="Price to")
    min_stock = number(label="Stock from")
    max_stock = number(label="Stock to")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, kind in PICKERS.items():
            if name in self.fields:
                self.fields[name].widget.attrs["data-picker"] = kind
        for name, kinds in KINDS.items():
            if name in self.fields:
                self.fields[name].widget.attrs["data-kinds"] = kinds

    def clean_factor(self) -> float:
        """Return the factor, or its default; only boost and bury use it."""
        factor: float | None = self.cleaned_data["factor"]
        return FACTOR if factor is None else factor

    def clean_priority(self) -> int:
        """Return the priority; 0 where none is stated."""
        return self.cleaned_data["priority"] or 0

    def clean_holdout_percent(self) -> int:
        """Return the share; 0 where none is stated."""
        return self.cleaned_data["holdout_percent"] or 0

    def wording(self) -> dict[str, Any]:
        """Return the fields of the rule version."""
        return {name: self.cleaned_data[name] for name in WORDING}
