"""Forms that a merchandiser can read: lists as commas, filters as fields, a rule and its wording on one page."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
)

from audit.selectors import entries
from audit.staff import name_of
from common import clock
from common.comma_field import CommaListField
from common.comma_lists import join_names
from common.errors import InvalidInput
from common.money import plain
from personalization.models import Placement, Rule, RuleVersion
from personalization.selectors.placements import STRATEGIES
from personalization.services.placements import check_placement
from personalization.services.rules import ABOUT, draft
from recsys.ranking.model import BLEND, HYBRID
from recsys.ranking.onboarding import ONBOARDING
from recsys.sources.registry import RECOMMENDERS

if TYPE_CHECKING:  # Django's own classes take no parameters when they run
    PlacementModelForm = forms.ModelForm[Placement]
    RuleModelForm = forms.ModelForm[Rule]
else:
    PlacementModelForm = RuleModelForm = forms.ModelForm

WORDING: Final = (
    *("effect", "position", "factor", "cap", "cap_by", "priority"),
    *("placements", "context_products", "context_categories", "starts_at", "ends_at"),
    *ABOUT,
)

FACTOR: Final = 2.0
"""Of a boost or bury that names none."""
CLOCK: Final = "In UTC, as all times on these pages."
KEY: Final = "Small letters, digits and hyphens: autumn-sale."
LISTED: Final = ("category", "brand")
"""Filters of several names."""


class Weighed(CommaListField):
    """Sources with their weights: `content 1, covisitation 0.6`."""

    def prepare_value(self, value: Any) -> Any:
        """Show names and weights."""
        if isinstance(value, list):
            return ", ".join(f"{one['name']} {one.get('weight', 1):g}" for one in value if isinstance(one, dict))
        return value

    def to_python(self, value: Any) -> Any:
        """Read names and weights; a name alone weighs 1."""
        return [self._source(part) for part in super().to_python(value)]

    @staticmethod
    def _source(part: str) -> dict[str, Any]:
        name, _, weight = part.partition(" ")
        try:
            return {"name": name, "weight": float(weight or 1)}
        except ValueError as error:
            raise ValidationError(f"{part}: a weight is a number") from error


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


class PlacementForm(PlacementModelForm):
    """A placement; its filters are fields of their own."""

    key = forms.RegexField(
        r"^[a-z0-9][a-z0-9-]*\Z",
        max_length=60,
        widget=UnfoldAdminTextInputWidget(),
        help_text=KEY,
        error_messages={"invalid": KEY},
    )
    sources = Weighed(help_text="Recommenders with weights: content 1, covisitation 0.6. Empty: all of the model.")
    fallback = CommaListField(help_text="Recommenders that fill a slate which is too short, in this order.")
    filter_category = CommaListField(label="Only categories", help_text="Furniture/Chairs, or one name of a path.")
    filter_brand = CommaListField(label="Only brands")
    filter_min_price = amount(label="Price from")
    filter_max_price = amount(label="Price to")
    filter_in_stock = forms.BooleanField(label="Only what is in stock", required=False)

    class Meta:
        model = Placement
        fields = (
            *("key", "name", "about", "size", "active", "strategy", "sources", "fallback", "fresh_slots"),
            *("repeat", "rest_days"),
            *("explore_share", "explore_cap", "explore_days", "explore_enough"),
            *("max_per_brand", "max_per_category", "dedupe_group"),
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known = filters_of(self.instance)
        for name, value in self.known.items():
            self.initial.setdefault(f"filter_{name}", value)
        for field in self.fields.values():  # what was shown, not what somebody saved since, tells what is changed here
            field.show_hidden_initial = self.instance.pk is not None

    def clean(self) -> dict[str, Any]:
        """Check what no single field can."""
        cleaned = super().clean() or {}
        if self.instance.pk is not None:
            self._notice_others()
        if not self.errors:
            self.instance.filters = self.filters()
            for name in ("sources", "fallback", "strategy", "key", "name", "size"):
                if name in cleaned:
                    setattr(self.instance, name, cleaned[name])
            complain(self, lambda: check_placement(self.instance))
        return cleaned

    def _notice_others(self) -> None:
        """Put an error at each field changed here that somebody else changed otherwise since it was shown here.

        Who saves the same placement at the same moment waits.
        """
        row = Placement.objects.select_for_update().get(pk=self.instance.pk)
        self.known = filters_of(row)
        for name in self.changed_data:
            hidden = self.fields[name].hidden_widget()
            shown = hidden.value_from_datadict(self.data, self.files, self[name].html_initial_name)
            now = self.known.get(name.removeprefix("filter_")) if name.startswith("filter_") else getattr(row, name)
            if shown is not None and self._differ(name, now, shown) and self._differ(name, now, self[name].data):
                self.add_error(name, f"Changed meanwhile by {last_changed_by(row)}: reload the page and decide anew.")

    def _differ(self, name: str, now: Any, shown: Any) -> bool:
        field = self.fields[name]
        return bool(field.has_changed(field.to_python(field.prepare_value(now)), shown))

    def filters(self) -> dict[str, Any]:
        """Return the filters that are set: those changed here, and the others as they are by now."""
        told = self._filters_told()
        names = {*self.known, *told}
        asked = {name: (told if f"filter_{name}" in self.changed_data else self.known).get(name) for name in names}
        return {name: value for name, value in asked.items() if value is not None}

    def _filters_told(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in LISTED:
            if values := self.cleaned_data.get(f"filter_{name}"):
                found[name] = values
        for name in ("min_price", "max_price"):
            if (price := self.cleaned_data.get(f"filter_{name}")) is not None:
                found[name] = str(price)
        return {**found, "in_stock": True} if self.cleaned_data.get("filter_in_stock") else found

    def changes(self) -> dict[str, Any]:
        """Return the fields that were changed on this page, the filters as one."""
        names = [name for name in self.changed_data if not name.startswith("filter_")]
        found = {name: self.cleaned_data[name] for name in names}
        return found if len(names) == len(self.changed_data) else {**found, "filters": self.filters()}


class RuleForm(RuleModelForm):
    """A rule with the wording it has now; saving another wording makes a new version."""

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
        help_text="Boost, bury: 2, as where it is empty, moves place 10 to place 5, or to place 20.",
    )
    cap = number(min_value=0, label="At most", help_text="Cap: how many of the products below.")
    cap_by = forms.ChoiceField(
        choices=RuleVersion.CapBy.choices, required=False, widget=UnfoldAdminSelectWidget(), label="Counted for"
    )
    priority = forms.IntegerField(
        initial=0,
        min_value=-1000,
        max_value=1000,
        widget=UnfoldAdminIntegerFieldWidget(),
        help_text="Where two rules want one place, the higher wins.",
    )
    placements = CommaListField(help_text="home, cart. Empty: everywhere.")
    context_products = CommaListField(label="When looking at products", help_text="Product ids.")
    context_categories = CommaListField(
        label="When looking at categories", help_text="Furniture/Chairs, or one name of a path."
    )
    starts_at = moment(label="From", help_text=CLOCK)
    ends_at = moment(label="Until", help_text=CLOCK)
    products = CommaListField(help_text="Product ids. A pin of several takes places one after the other.")
    categories = CommaListField(help_text="Furniture/Chairs, or one name of a path.")
    brands = CommaListField()
    min_price = amount(label="Price from")
    max_price = amount(label="Price to")
    min_stock = number(label="Stock from")
    max_stock = number(label="Stock to")
    seen = forms.IntegerField(required=False, widget=forms.HiddenInput())
    """The version that was shown: another one by now is somebody else's."""

    class Meta:
        model = Rule
        fields = ("name", "active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        current = self.instance.current
        if current is not None:
            for name in WORDING:
                self.initial.setdefault(name, getattr(current, name))
            self.initial["seen"] = current.number
            for name in ("min_price", "max_price"):
                if (price := self.initial[name]) is not None:
                    self.initial[name] = plain(Decimal(price), settings.SHOP_CURRENCY)
        for name in {"name", "active", *WORDING} & set(self.fields):  # as in the form of a placement
            self.fields[name].show_hidden_initial = self.instance.pk is not None

    def clean_factor(self) -> float:
        """Return the factor; only boosts and buries have a use for one."""
        told: float | None = self.cleaned_data["factor"]
        return FACTOR if told is None else told

    def clean(self) -> dict[str, Any]:
        """Check what no single field can."""
        cleaned = super().clean() or {}
        if self.instance.pk is not None and cleaned.get("seen") and self.rewords():
            self._notice_others(cleaned["seen"])
        if not self.errors:
            complain(self, lambda: draft(wording=self.wording()))
        return cleaned

    def rewords(self) -> bool:
        """Return whether more was changed on this page than the switch."""
        return bool({"name", *WORDING} & set(self.changed_data))

    def _notice_others(self, seen: int) -> None:
        """Put an error on the page where somebody else gave the rule a new wording since it was shown here.

        Who saves the same rule at the same moment waits.
        """
        now = Rule.objects.select_for_update(of=["self"]).select_related("current").get(pk=self.instance.pk).current
        if now is not None and now.number != seen:
            by = name_of(now.created_by)
            self.add_error(None, f"Changed meanwhile by {by}, see Versions: reload the page and decide anew.")

    def wording(self) -> dict[str, Any]:
        """Return the fields of the version."""
        return {name: self.cleaned_data[name] for name in WORDING}


def filters_of(row: Placement) -> dict[str, Any]:
    """Return the filters of a placement as the form shows them: names as lists."""
    return {
        name: [value] if name in LISTED and isinstance(value, str) else value  # a price is a text as well
        for name, value in (row.filters or {}).items()
    }


def as_written(row: Placement, name: str) -> str:
    """Return the sources or the fallback of a placement as its form writes them."""
    return str(PlacementForm.base_fields[name].prepare_value(getattr(row, name)) or "")


def only_these(row: Placement) -> str:
    """Return the filters of a placement, a line each, as its form calls them."""
    told = {str(PlacementForm.base_fields[f"filter_{name}"].label): value for name, value in filters_of(row).items()}
    shown = {label: join_names(value) if isinstance(value, list) else value for label, value in told.items()}
    lines = [label if value is True else f"{label}: {value}" for label, value in shown.items()]
    return "\n".join(lines) or "every product"


def last_changed_by(row: Placement) -> str:
    """Return who changed a placement last, as the audit log tells it."""
    return name_of(next((entry.actor for entry in entries(object=f"placement:{row.key}", limit=1)), "somebody"))


def complain(form: forms.BaseForm, check: Any) -> None:
    """Run the check; put what it finds at the fields it names."""
    try:
        check()
    except InvalidInput as error:
        for wrong in error.errors:
            known = next((name for name in (wrong.field, f"filter_{wrong.field}") if name in form.fields), None)
            form.add_error(known, wrong.message)


def strategies() -> list[tuple[str, str]]:
    """Return what may rank a placement."""
    told = {
        HYBRID: "the ranker that the model was released with",
        BLEND: "the sources by weight",
        ONBOARDING: "questions to a newcomer, the ones that tell most",
    }
    return [(name, f"{name}: {told[name]}") for name in STRATEGIES] + [(name, name) for name in sorted(RECOMMENDERS)]
