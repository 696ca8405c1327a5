"""The rows of the audience and of the guardrails."""

from typing import Any, Final

from django import forms
from django.conf import settings

from consents.selectors import terms
from experiments.audience import COMPARISONS, Clause, condition_of
from experiments.forms.rows import RowForm
from profiles.selectors.segments import titles
from profiles.traits.context import CONTEXT_FIELDS
from profiles.traits.registry import TRAIT_FIELDS

PAGE: Final = "page"
DIMENSIONS: Final = (
    ("", "all shoppers together"),
    ("segment", "the shoppers of each segment"),
    ("device", "the shoppers of each device"),
    ("visitor", "new and returning shoppers"),
)
"""Whom a guardrail looks at: all, or each group by itself."""


def whats() -> list[Any]:
    """Return what an audience may be chosen by, in groups."""
    context = [(f"name:{one.path}", one.title) for one in CONTEXT_FIELDS]
    numbers = [(f"number:{one.path}", one.title) for one in TRAIT_FIELDS.values() if one.kind == "number"]
    return [
        ("", "nothing: everybody"),
        ("Segments", [(f"segment:{key}", f"Segment {title}") for key, title in titles()]),
        ("Visits", [("visitor", "First visit or not (new, returning)"), *context]),
        ("Traits", numbers),
        ("Attributes", [(f"attribute:{name}", name) for name in settings.SHOPPER_ATTRIBUTES]),
        ("Consent", [(f"consent:{key}", f"Consent to {one.name}") for key, one in terms().items()]),
        ("Told by your pages", [(PAGE, "An attribute of your pages, by its name")]),
    ]


class ClauseForm(RowForm):
    """One condition of the audience."""

    what = forms.ChoiceField(label="Who", required=False)
    name = forms.CharField(
        label="Name, of an attribute of your pages", max_length=60, required=False, widget=forms.TextInput()
    )
    comparison = forms.ChoiceField(label="Compared", choices=list(COMPARISONS.items()), required=False)
    value = forms.CharField(label="Value", max_length=400, required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["what"] = forms.ChoiceField(label="Who", required=False, choices=whats())

    def is_blank(self) -> bool:
        """Return whether nothing is chosen."""
        return not self.data.get(self.add_prefix("what"))

    def clean(self) -> dict[str, Any]:
        """Refuse a clause that is no condition."""
        cleaned = super().clean() or {}
        if "what" in cleaned:
            try:
                condition_of([self.clause()])
            except ValueError as error:
                self.add_error("value", str(error))
        return cleaned

    def clause(self) -> Clause:
        """Return the clause."""
        values = self.cleaned_data
        what = f"{PAGE}:{values.get('name', '').strip()}" if values["what"] == PAGE else values["what"]
        return Clause(what, values.get("comparison") or "is", values.get("value", "").strip())


def initial_of_clause(clause: Clause) -> dict[str, str]:
    """Return the values of the form for a clause."""
    own = {"comparison": clause.comparison, "value": clause.value}
    return {"what": PAGE, "name": clause.name, **own} if clause.kind == PAGE else {"what": clause.what, **own}


class GuardrailForm(RowForm):
    """A metric that must not get worse by more than a margin."""

    metric = forms.ChoiceField(label="Must not get worse", required=False)
    dimension = forms.ChoiceField(label="Among", choices=DIMENSIONS, required=False)
    margin = forms.FloatField(
        label="By more than, %", min_value=0, max_value=100, required=False, help_text="Empty: the metric's own margin."
    )

    def __init__(self, *args: Any, metrics: list[tuple[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["metric"] = forms.ChoiceField(
            label="Must not get worse", required=False, choices=[("", "none"), *metrics]
        )

    def is_blank(self) -> bool:
        """Return whether no metric is chosen."""
        return not self.data.get(self.add_prefix("metric"))

    def guardrail(self) -> Any:
        """Return it as services take it."""
        values = self.cleaned_data
        margin, dimension = values.get("margin"), values.get("dimension")
        more = {} if margin is None else {"margin": round(margin / 100, 6)}
        more |= {"dimension": dimension} if dimension else {}
        return {"metric": values["metric"], **more} if more else values["metric"]
