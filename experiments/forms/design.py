"""The guided form of a design: what is typed, what services take, and where each error belongs."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import Any, Final

from django import forms
from django.http import QueryDict
from django.utils.text import slugify

from common.errors import DomainError
from common.pseudonyms import staff_subject
from consents.subjects import KINDS
from customers.shop_ids import keep_ids, newly_sealed
from experiments.audience import clauses_of, condition_of
from experiments.design import Arm, Design, Status
from experiments.edits import RULE_OF, permission
from experiments.forms.arms import START, ArmForm, initial_of
from experiments.forms.audience import ClauseForm, GuardrailForm, initial_of_clause
from experiments.forms.rows import Rows, typed_values
from experiments.models import Inference, Namespace, PolicyMode
from experiments.payloads import payload_kinds
from experiments.selectors.metrics import all_metrics

TWO_ARMS: Final = (
    {"name": "Control", "key": "control", "weight": 50},
    {"name": "Treatment", "key": "treatment", "weight": 50},
)
AREA: Final = {"rows": 3, "class": "v-text"}
PERCENT: Final = {"goal_margin": 100.0, "coverage": 100.0, "alpha": 100.0, "power": 100.0, "minimum_effect": 100.0}
"""Fields that people read in percent, and services as a share."""
PLAIN: Final = (
    *("name", "hypothesis", "payload_kind", "goal_metric", "secondary_metrics", "activation_metric", "inference"),
    *("planned_units", "planned_looks", "minimum_runtime_days", "maximum_runtime_days", "policy_mode"),
)
ROUNDING: Final = 0.0051
"""How far the shares of arms, typed with one digit, may be from 1."""
FIELD_OF: Final[Mapping[str, str]] = {"namespace_high": "namespace_low", "condition": "condition_json"}
"""Where the errors of some fields are shown."""


def percent(label: str, initial: float, low: float, high: float, help_text: str = "") -> forms.FloatField:
    """Return a field for a share in percent."""
    return forms.FloatField(label=label, initial=initial, min_value=low, max_value=high, help_text=help_text)


def whole(label: str, initial: int | None, low: int, high: int, **options: Any) -> forms.IntegerField:
    """Return a field for a whole number."""
    return forms.IntegerField(label=label, initial=initial, min_value=low, max_value=high, **options)


class DesignForm(forms.Form):
    """All of a design but its rows."""

    name = forms.CharField(label="Name", max_length=120, help_text="As people call it: Popular products on home.")
    key = forms.CharField(
        label="Key", max_length=60, required=False, help_text="How storefronts name it. Empty: made of the name."
    )
    hypothesis = forms.CharField(
        label="Hypothesis",
        required=False,
        widget=forms.Textarea(AREA),
        help_text="What you expect, and why: Popular products sell more on home, because newcomers know nothing else.",
    )
    payload_kind = forms.ChoiceField(label="What is compared", required=False)
    factors = forms.CharField(
        label="Factors of a multivariate test",
        required=False,
        widget=forms.Textarea(AREA),
        help_text="One in a line, as layout: grid, list. Empty for a test of single arms.",
    )
    condition_json = forms.CharField(
        label="Condition as JSON",
        required=False,
        widget=forms.Textarea(AREA),
        help_text="For developers, in GrowthBook's grammar; it holds beside the rows above.",
    )
    coverage = percent("Coverage, %", 100, 0, 100, "How many of these shoppers take part. It may grow later.")
    namespace = forms.ChoiceField(label="Namespace", required=False)
    namespace_low = whole("From bucket", 0, 0, 9_999, required=False)
    namespace_high = whole("To bucket", 10_000, 1, 10_000, required=False)
    goal_metric = forms.ChoiceField(label="Goal", help_text="The one number that decides.")
    secondary_metrics = forms.MultipleChoiceField(
        label="Also shown", required=False, widget=forms.CheckboxSelectMultiple()
    )
    goal_margin = forms.FloatField(
        label="Harm to the goal that you accept, %",
        required=False,
        min_value=0,
        max_value=99,
        help_text="Empty: only a better arm is shipped. 1 also ships one that loses less than 1 %.",
    )
    activation_metric = forms.ChoiceField(
        label="Counts once a shopper did this", required=False, help_text="Empty: once the arm decided what was shown."
    )
    inference = forms.ChoiceField(label="How numbers are read", choices=Inference.choices, initial="always_valid")
    minimum_effect = percent("Smallest effect worth finding, %", 5, 0.01, 1_000, "Of the metric's present value.")
    alpha = percent("False alarms, %", 5, 0.01, 50)
    power = percent("Chance to find it, %", 80, 50, 99.9)
    planned_looks = whole("Looks", 50, 1, 50)
    planned_units = whole(
        "Shoppers in each arm", None, 2, 2_000_000_000, required=False, help_text="Empty: as the calculator says."
    )
    minimum_runtime_days = whole("At least, days", 7, 0, 400)
    maximum_runtime_days = whole("At most, days", 28, 1, 10_000)
    policy_mode = forms.ChoiceField(
        label="What happens by itself",
        choices=PolicyMode.choices,
        initial="recommend",
        help_text="Recommend only says what it would do. Automatic rolls back, ramps and ships, and each step can be "
        "undone.",
    )
    test_units = forms.CharField(
        label="Staff who get a fixed arm",
        required=False,
        widget=forms.Textarea(AREA),
        help_text="One in a line, as user:ID = treatment. They are not counted.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        metrics = metric_choices()
        kinds = [("", "JSON that the storefront reads"), *((one.name, one.title) for one in payload_kinds())]
        self._offer("payload_kind", kinds)
        self._offer("goal_metric", [("", "choose one"), *metrics])
        self._offer("secondary_metrics", metrics)
        self._offer("activation_metric", [("", "nothing more"), *activations()])
        self._offer("namespace", [("", "none"), *Namespace.objects.values_list("key", "name")])

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        field: Any = self.fields[name]
        field.choices = choices

    def clean_key(self) -> str:
        """Return the key, made of the name if it is empty."""
        typed: str = self.cleaned_data["key"].strip()
        return typed or slugify(self.cleaned_data.get("name", ""))[:60]

    def clean_factors(self) -> dict[str, list[str]]:
        """Return the levels of each factor."""
        return factors_of(self.cleaned_data["factors"])

    def clean_condition_json(self) -> dict[str, Any]:
        """Return the condition."""
        try:
            condition = json.loads(self.cleaned_data["condition_json"] or "{}")
        except ValueError as error:
            raise forms.ValidationError(f"This is no JSON: {error}.") from error
        if not isinstance(condition, dict):
            raise forms.ValidationError("It must be an object of attributes with values.")
        return condition

    def clean_test_units(self) -> dict[str, str]:
        """Return the arm of each raw id."""
        units = {}
        for line in filter(None, map(str.strip, self.cleaned_data["test_units"].splitlines())):
            unit, separator, arm = (part.strip() for part in line.partition("="))
            if not separator or unit.partition(":")[0] not in KINDS:
                raise forms.ValidationError(f"{line} is not as user:ID = treatment.")
            keep_ids(newly_sealed([unit.partition(":")[2]]))
            units[staff_subject(unit)] = arm
        return units


class DesignForms:
    """The form of a design with its rows of arms, of the audience and of guardrails.

    `state` is a saved design as `steps.state_of` returns it, `status` decides which fields may change. With `typed` the
    forms show the data without judging it, with rows added and removed as `again` says.
    """

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        state: Mapping[str, Any] | None = None,
        status: Status = "draft",
        typed: bool = False,
    ) -> None:
        self.status = status
        self.again = "" if data is None else str(data.get("again", ""))
        initial = {} if state is None else initial_of_state(state)
        kind = str((data or initial).get("payload_kind", ""))
        if data is None:
            self.form = DesignForm(initial=initial)
        else:
            bound = DesignForm(data)
            self.form = DesignForm(initial=typed_values(bound)) if typed else bound
        rows: dict[str, Any] = {"data": data, "typed": typed}
        arms: Sequence[Mapping[str, Any]] = (
            TWO_ARMS if state is None else [initial_of(one, kind) for one in state["arms"]]
        )
        rows_of_arms: dict[str, Any] = {**rows, "more": int(self.again == "arms")}
        if typed and self.again == "factors" and data is not None:
            arms, rows_of_arms = combinations(factors_of(str(data.get("factors", "")))) or TWO_ARMS, {}
        self.arms = Rows(ArmForm, "arms", initial=arms, kind=kind, **rows_of_arms)
        clauses = clauses_of(state["condition"]) if state is not None else ()
        self.audience = Rows(
            ClauseForm,
            "audience",
            initial=[initial_of_clause(one) for one in clauses or ()] or [{}],
            more=int(self.again == "audience"),
            **rows,
        )
        self.guardrails = Rows(
            GuardrailForm,
            "guardrails",
            initial=guardrail_rows(state) or [{}],
            more=int(self.again == "guardrails"),
            metrics=metric_choices(),
            **rows,
        )
        self.problems: list[str] = []
        self._lock()

    @property
    def is_again(self) -> bool:
        """Whether the page is only to be drawn anew, with another row or other fields."""
        return bool(self.again)

    @property
    def is_locked(self) -> bool:
        """Whether the experiment was started, so that most of the design stands."""
        return self.status != "draft"

    def is_valid(self) -> bool:
        """Return whether all parts are."""
        parts = [one.is_valid() for one in (self.form, self.arms, self.audience, self.guardrails)]
        return all(parts)  # each was asked, so that each shows its errors

    def data(self) -> dict[str, Any]:
        """Return the design as services take it, the fields that may change alone; only of valid forms."""
        values = self.form.cleaned_data
        data = {name: values[name] for name in PLAIN}
        data |= {
            name: None if values[name] is None else round(values[name] / scale, 8) for name, scale in PERCENT.items()
        }
        data |= {
            "factors": values["factors"],
            "condition": self.condition,
            "namespace": values["namespace"] or None,
            "namespace_low": values["namespace_low"] or 0,
            "namespace_high": values["namespace_high"] or 10_000,
            "test_units": values["test_units"],
            "guardrail_metrics": [one.guardrail() for one in self.guardrails.filled],
            "arms": normalized([one.arm() for one in self.arms.filled]),
        }
        return {name: value for name, value in data.items() if permission(name, self.status) == "yes"}

    @cached_property
    def condition(self) -> dict[str, Any]:
        """The condition of the rows and of the JSON; only of valid forms."""
        own = condition_of([one.clause() for one in self.audience.filled])
        typed = self.form.cleaned_data.get("condition_json") or {}
        return {"$and": [own, typed]} if own and typed else own or typed

    def draft(self) -> Design:
        """Return the arms as an experiment that nobody is in, for a preview; only of valid arms."""
        arms = [one.arm() for one in self.arms.filled]
        records = tuple(Arm(one["key"], one["name"], one["weight"], one["payload"]) for one in arms)
        return Design(key="preview", seed="", arms=records, payload_kind=str(self.form["payload_kind"].value() or ""))

    def add_errors(self, refusal: DomainError) -> None:
        """Put each error of a refusal beside the field that it names, else on top of the page."""
        if not refusal.errors:
            self.problems.append(refusal.detail)
        for error in refusal.errors:
            place, _, rest = error.field.partition(".")
            field = FIELD_OF.get(place, place)
            if place in ("arms", "weights"):
                self._add_arm_error(rest, error.message)
            elif place == "guardrail_metrics":
                self.guardrails.errors.append(error.message)
            elif field in self.form.fields:
                self.form.add_error(field, error.message)
            else:
                self.problems.append(str(error))

    def _add_arm_error(self, rest: str, message: str) -> None:
        key, _, path = rest.partition(".")
        form = next((one for one in self.arms.filled if one.cleaned_data.get("key") == key), None) if key else None
        if form is None:
            self.arms.errors.append(message)
            return
        own = f"{START}{path.removeprefix('payload').strip('.').partition('.')[0]}"
        names = [name for name in form.fields if name.startswith(START)]
        form.add_error(own if own in names else names[-1], message)

    def _lock(self) -> None:
        """Show the fields that the status does not allow to change, with the reason, and read none of them."""
        if not self.is_locked:
            return
        for name, field in self.form.fields.items():
            rule = RULE_OF.get(name)
            if rule is not None and permission(name, self.status) != "yes":
                field.disabled, field.required, field.help_text = True, False, rule.why
        for name in ("condition_json", "factors"):
            self.form.fields[name].disabled = True


def normalized(arms: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the arms with shares that sum to 1, where rounding alone keeps them from it: 33.3, 33.3 and 33.3."""
    total = sum(one["weight"] for one in arms)
    if not 0 < abs(total - 1) < ROUNDING:
        return arms
    return [{**one, "weight": one["weight"] / total} for one in arms]


def metric_choices() -> list[tuple[str, str]]:
    """Return key and name of each metric."""
    return [(key, one.name) for key, one in all_metrics().items()]


def activations() -> list[tuple[str, str]]:
    """Return key and name of each metric that can be an activation: what a shopper did or did not do."""
    return [
        (key, one.name)
        for key, one in all_metrics().items()
        if one.kind == "proportion" and one.numerator.source != "visits"
    ]


def guardrail_rows(state: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Return the guardrails of a saved design as values of the form."""
    rows = []
    for one in () if state is None else state["guardrail_metrics"]:
        own = one if isinstance(one, Mapping) else {"metric": one}
        margin = own.get("margin")
        dimension = own.get("dimension", "")
        rows.append(
            {
                "metric": own.get("metric", ""),
                "dimension": dimension,
                "margin": None if margin is None else f"{100 * margin:.6g}",
            }
        )
    return rows


def initial_of_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of the form for a saved design."""
    condition = state["condition"]
    factors = [f"{name}: {', '.join(levels)}" for name, levels in state["factors"].items()]
    return {
        **{name: state[name] for name in PLAIN},
        **{name: f"{scale * state[name]:.8g}" for name, scale in PERCENT.items() if state[name] is not None},
        "key": state["key"],
        "factors": "\n".join(factors),
        "condition_json": "" if clauses_of(condition) is not None else json.dumps(condition, ensure_ascii=False),
        "namespace": state["namespace"] or "",
        "namespace_low": state["namespace_low"],
        "namespace_high": state["namespace_high"],
        "test_units": "\n".join(f"{unit} = {arm}" for unit, arm in state["test_units"].items()),
    }


def factors_of(text: str) -> dict[str, list[str]]:
    """Return the levels of each factor from lines as `layout: grid, list`; names and levels become slugs."""
    factors = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, levels = line.partition(":")
        factors[name.strip()] = [slug for one in levels.split(",") if (slug := slugify(one))]
    return factors


def combinations(factors: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """Return the rows of arms of a full factorial, of equal shares; the first level of each factor is the control."""
    if not factors or any(len(levels) < 2 for levels in factors.values()):
        return []
    every = list(product(*factors.values()))
    return [
        {
            "key": "-".join(levels),
            "name": ", ".join(f"{name} {level}" for name, level in zip(factors, levels, strict=True)),
            "weight": f"{100 / len(every):.6g}",
            "levels": json.dumps(dict(zip(factors, levels, strict=True))),
        }
        for levels in every
    ]
