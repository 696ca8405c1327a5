"""The rows of arms: name, share, and what the arm changes, with the fields that the kind of payload declares."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms
from django.utils.text import slugify

from experiments.forms.rows import RowForm
from experiments.payloads import PayloadKind, payload_kind

JSON: Final = "json"
START: Final = "p_"
"""Begins the names of payload fields."""
NO_CHANGE: Final = ("", "as it is now")
AREA: Final = {"rows": 3, "class": "v-text"}


class ArmForm(RowForm):
    """One arm. Without anything in its payload fields it changes nothing."""

    name = forms.CharField(label="Name", max_length=120)
    key = forms.CharField(label="Key", max_length=60, required=False, help_text="Empty: made of the name.")
    weight = forms.FloatField(label="Share, %", min_value=0, max_value=100)
    levels = forms.CharField(required=False, widget=forms.HiddenInput())

    def __init__(self, *args: Any, kind: str = "", payload: Any = None, **options: Any) -> None:
        super().__init__(*args, **options)
        registered = payload_kind(kind)
        self.kind = registered
        own = {JSON: _json_field()} if registered is None else fields_of(registered)
        self.fields.update({f"{START}{name}": field for name, field in own.items()})

    @property
    def payload_fields(self) -> list[Any]:
        """The bound fields of the payload."""
        return [self[name] for name in self.fields if name.startswith(START)]

    def clean_key(self) -> str:
        """Return the key, made of the name if it is empty."""
        typed: str = self.cleaned_data["key"].strip()
        return typed or slugify(self.cleaned_data.get("name", ""))

    def clean_levels(self) -> dict[str, str]:
        """Return the levels of a multivariate design."""
        try:
            levels = json.loads(self.cleaned_data["levels"] or "{}")
        except ValueError:
            levels = {}
        return levels if isinstance(levels, dict) else {}

    def clean(self) -> dict[str, Any]:
        """Read the payload."""
        cleaned = super().clean() or {}
        values = {name.removeprefix(START): value for name, value in cleaned.items() if name.startswith(START)}
        try:
            cleaned["payload"] = self._payload(values)
        except ValueError as error:
            field, _, text = str(error).partition(": ")
            self.add_error(f"{START}{field}", text)
        return cleaned

    def arm(self) -> dict[str, Any]:
        """Return the arm as services take it."""
        values = self.cleaned_data
        return {
            "key": values["key"],
            "name": values["name"],
            "weight": round(values["weight"] / 100, 6),
            "payload": values["payload"],
            "levels": values["levels"],
        }

    def _payload(self, values: Mapping[str, Any]) -> Any:
        if self.kind is None:
            return _read_json(values.get(JSON, ""))
        filled = {name: value for name, value in values.items() if value not in ("", [], None)}
        if not filled:
            return None
        properties = self.kind.schema["properties"]
        for name in self.kind.schema.get("required", ()):
            if name not in filled:
                raise ValueError(f"{name}: say what it changes to, or leave all of this arm empty")
        return {name: _value(properties[name], name, value) for name, value in filled.items()}


def initial_of(arm: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Return the values of the form for an arm as services return it."""
    payload, registered = arm["payload"], payload_kind(kind)
    initial = {
        "key": arm["key"],
        "name": arm["name"],
        "weight": f"{100 * arm['weight']:.6g}",
        "levels": json.dumps(arm["levels"]) if arm["levels"] else "",
    }
    if payload is None:
        return initial
    if registered is None:
        return {**initial, f"{START}{JSON}": json.dumps(payload, indent=2, ensure_ascii=False)}
    return {**initial, **{f"{START}{name}": _text(value) for name, value in payload.items()}}


def fields_of(kind: PayloadKind) -> dict[str, forms.Field]:
    """Return a field for each property of a kind's payload; places come first."""
    choices = kind.choices()
    properties: Mapping[str, Any] = kind.schema["properties"]
    names = sorted(properties, key=lambda name: (name != "placement", name))
    return {name: _field(name, properties[name], choices.get(name)) for name in names}


def _field(name: str, schema: Mapping[str, Any], choices: Sequence[tuple[str, str]] | None) -> forms.Field:
    label = name.replace("_", " ").capitalize()
    if schema.get("type") == "array":
        boxes = forms.CheckboxSelectMultiple()
        return forms.MultipleChoiceField(label=label, choices=choices or (), required=False, widget=boxes)
    options = choices or [(one, one) for one in schema.get("enum", ())]
    if options:
        none = ("", "none") if name == "placement" else NO_CHANGE
        return forms.ChoiceField(label=label, choices=[none, *options], required=False)
    if schema.get("type") == "object":
        names = ", ".join(schema.get("propertyNames", {}).get("enum", ()))
        help_text = f"One in a line, as size = 12. There are {names}." if names else "One in a line, as name = value."
        return forms.CharField(label=label, required=False, widget=forms.Textarea(AREA), help_text=help_text)
    return forms.CharField(label=label, required=False)


def _json_field() -> forms.Field:
    help_text = 'What the storefront reads, as {"color": "green"}. Empty: nothing.'
    return forms.CharField(label="JSON", required=False, widget=forms.Textarea(AREA), help_text=help_text)


def _read_json(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"{JSON}: is no JSON: {error}") from error


def _value(schema: Mapping[str, Any], name: str, value: Any) -> Any:
    if schema.get("type") == "object":
        return dict(_line(name, line) for line in value.splitlines() if line.strip())
    if schema.get("type") == "array" and schema.get("items", {}).get("type") == "integer":
        return [int(one) for one in value]
    return value


def _line(name: str, line: str) -> tuple[str, Any]:
    key, separator, text = (part.strip() for part in line.partition("="))
    if not key or not separator:
        raise ValueError(f"{name}: {line.strip()} is no name = value")
    try:
        return key, json.loads(text)
    except ValueError:
        return key, text


def _text(value: Any) -> Any:
    if isinstance(value, Mapping):
        return "\n".join(f"{name} = {json.dumps(inner, ensure_ascii=False)}" for name, inner in value.items())
    return [str(one) for one in value] if isinstance(value, list) else value
