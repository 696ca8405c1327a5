"""The form of a placement: comma-separated lists, and a field per filter."""

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminTextInputWidget,
)

from audit.selectors import entries
from audit.staff import name_of
from common.attribute_filters import attribute_texts
from common.comma_field import CommaListField
from common.comma_lists import join_names
from common.errors import InvalidInput
from personalization.models import Placement
from personalization.selectors.placements import STRATEGIES
from personalization.services.placements import check_placement
from personalization.trials.draft_form import amount
from recsys.ranking.cart_ranker import BASKET
from recsys.ranking.model import BLEND, HYBRID
from recsys.ranking.onboarding import ONBOARDING
from recsys.sources.registry import RECOMMENDERS

if TYPE_CHECKING:  # Django's own classes take no parameters when they run
    PlacementModelForm = forms.ModelForm[Placement]
else:
    PlacementModelForm = forms.ModelForm

KEY: Final = "Small letters, digits and hyphens: autumn-sale."
LISTED: Final = ("category", "brand", "attributes")
"""Filters that hold names."""


class WeightedSources(CommaListField):
    """Sources with their weights: `content 1, covisitation 0.6`."""

    def prepare_value(self, value: Any) -> Any:
        """Return sources as text: names with weights."""
        if isinstance(value, list):
            return ", ".join(f"{one['name']} {one.get('weight', 1):g}" for one in value if isinstance(one, dict))
        return value

    def to_python(self, value: Any) -> Any:
        """Parse names and weights; the default weight is 1."""
        return [self._source(part) for part in super().to_python(value)]

    @staticmethod
    def _source(part: str) -> dict[str, Any]:
        name, _, weight = part.partition(" ")
        try:
            return {"name": name, "weight": float(weight or 1)}
        except ValueError as error:
            raise ValidationError(f"{part}: a weight is a number") from error


class AttributesField(CommaListField):
    """Attributes with the values they may have: `color=oak, color=ash`."""

    def prepare_value(self, value: Any) -> Any:
        """Return attributes as text: a pair of name and value for each value."""
        if isinstance(value, dict):
            return join_names([f"{name}={one}" for name, values in value.items() for one in attribute_texts(values)])
        return value

    def to_python(self, value: Any) -> Any:
        """Parse the pairs into the values by name; no pair is an empty list, as of the other filters."""
        values: dict[str, list[str]] = {}
        for part in super().to_python(value):
            name, separator, text = (word.strip() for word in part.partition("="))
            if not (name and separator and text):
                raise ValidationError(f"{part}: an attribute is a name and a value, as color=oak")
            values.setdefault(name, []).append(text)
        return values or []


class PlacementForm(PlacementModelForm):
    """A placement; its filters are fields of their own."""

    key = forms.RegexField(
        r"^[a-z0-9][a-z0-9-]*\Z",
        max_length=60,
        widget=UnfoldAdminTextInputWidget(),
        help_text=KEY,
        error_messages={"invalid": KEY},
    )
    sources = WeightedSources(
        help_text="Recommenders with weights: content 1, covisitation 0.6. Empty: all of the model."
    )
    fallback = CommaListField(help_text="Recommenders that fill a slate which is too short, in this order.")
    filter_category = CommaListField(label="Only categories", help_text="Furniture/Chairs, or one name of a path.")
    filter_brand = CommaListField(label="Only brands")
    filter_min_price = amount(label="Price from")
    filter_max_price = amount(label="Price to")
    filter_attributes = AttributesField(
        label="Only attributes", help_text="color=oak, color=ash, size=L: any value of one name, every name."
    )

    class Meta:
        model = Placement
        fields = (
            *("key", "name", "about", "size", "active", "strategy", "sources", "fallback", "recent_item_slots"),
            *("repeat", "rest_days", "discovery_share", "sold_out"),
            *("explore_share", "explore_cap", "explore_days", "explore_enough"),
            *("max_per_brand", "max_per_category"),
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.saved_filters = filters_of(self.instance)
        for name, value in self.saved_filters.items():
            self.initial.setdefault(f"filter_{name}", value)
        for field in self.fields.values():  # changes are relative to the page shown, not to later saves of others
            field.show_hidden_initial = self.instance.pk is not None

    def clean(self) -> dict[str, Any]:
        """Check what no single field can."""
        cleaned = super().clean() or {}
        if self.instance.pk is not None:
            self._refuse_stale_edits()
        if not self.errors:
            self.instance.filters = self.filters()
            for name in ("sources", "fallback", "strategy", "key", "name", "size"):
                if name in cleaned:
                    setattr(self.instance, name, cleaned[name])
            add_errors_of(self, lambda: check_placement(self.instance))
        return cleaned

    def _refuse_stale_edits(self) -> None:
        """Add an error to each changed field that somebody else changed to another value since this page was shown.

        Locks the row: a simultaneous save of the same placement waits.
        """
        row = Placement.objects.select_for_update().get(pk=self.instance.pk)
        self.saved_filters = filters_of(row)
        for name in self.changed_data:
            hidden = self.fields[name].hidden_widget()
            shown_value = hidden.value_from_datadict(self.data, self.files, self[name].html_initial_name)
            now = (
                self.saved_filters.get(name.removeprefix("filter_"))
                if name.startswith("filter_")
                else getattr(row, name)
            )
            if (
                shown_value is not None
                and self._differ(name, now, shown_value)
                and self._differ(name, now, self[name].data)
            ):
                self.add_error(name, f"Changed meanwhile by {last_changed_by(row)}: reload the page and decide again.")

    def _differ(self, name: str, now: Any, shown_value: Any) -> bool:
        field = self.fields[name]
        return bool(field.has_changed(field.to_python(field.prepare_value(now)), shown_value))

    def filters(self) -> dict[str, Any]:
        """Return the set filters: changed ones from this page, others as they are saved now."""
        form_filters = self._form_filters()
        names = {*self.saved_filters, *form_filters}
        filters = {
            name: (form_filters if f"filter_{name}" in self.changed_data else self.saved_filters).get(name)
            for name in names
        }
        return {name: value for name, value in filters.items() if value is not None}

    def _form_filters(self) -> dict[str, Any]:
        filters: dict[str, Any] = {}
        for name in LISTED:
            if values := self.cleaned_data.get(f"filter_{name}"):
                filters[name] = values
        for name in ("min_price", "max_price"):
            if (price := self.cleaned_data.get(f"filter_{name}")) is not None:
                filters[name] = str(price)
        return filters

    def changes(self) -> dict[str, Any]:
        """Return the fields changed on this page; all filters are one field."""
        names = [name for name in self.changed_data if not name.startswith("filter_")]
        changed = {name: self.cleaned_data[name] for name in names}
        return changed if len(names) == len(self.changed_data) else {**changed, "filters": self.filters()}


def filters_of(row: Placement) -> dict[str, Any]:
    """Return the filters of a placement as the form shows them, names always as lists."""
    return {
        name: [value] if name in LISTED and isinstance(value, str) else value  # prices are strings too
        for name, value in (row.filters or {}).items()
    }


def sources_in_words(row: Placement, name: str) -> str:
    """Return the sources or the fallback of a placement as text, as its form shows them."""
    return str(PlacementForm.base_fields[name].prepare_value(getattr(row, name)) or "")


def filters_in_words(row: Placement) -> str:
    """Return the filters of a placement as text, one per line, with the labels of its form."""
    fields = PlacementForm.base_fields
    values = {field: value for name, value in filters_of(row).items() if (field := fields.get(f"filter_{name}"))}
    return (
        "\n".join(f"{field.label}: {field.prepare_value(value)}" for field, value in values.items()) or "every product"
    )


def last_changed_by(row: Placement) -> str:
    """Return who changed a placement last, from the audit log."""
    return name_of(next((entry.actor for entry in entries(object=f"placement:{row.key}", limit=1)), "somebody"))


def add_errors_of(form: forms.BaseForm, check: Any) -> None:
    """Run the check; add its errors to the fields they name."""
    try:
        check()
    except InvalidInput as error:
        for wrong in error.errors:
            field = next((name for name in (wrong.field, f"filter_{wrong.field}") if name in form.fields), None)
            form.add_error(field, wrong.message)


def strategies() -> list[tuple[str, str]]:
    """Return the strategies of a placement as choices."""
    descriptions = {
        HYBRID: "the ranker that the model was released with",
        BLEND: "the sources by weight",
        BASKET: "the ranker of carts: what completes the cart, by its lines and the shopper's history",
        ONBOARDING: "questions to a newcomer, the most informative ones first",
    }
    return [(name, f"{name}: {descriptions[name]}") for name in STRATEGIES] + [
        (name, name) for name in sorted(RECOMMENDERS)
    ]
