"""The form of the preview: whom to ask for, what is asked, and a draft rule with the fields of a saved one."""

from collections.abc import Sequence
from typing import Any, Final

from django import forms
from django.conf import settings

from common.comma_field import CommaListField
from consents.subjects import MAX_RAW_ID
from personalization.selectors.rules import effects
from personalization.serving.asking import Ask, who_of
from personalization.trials.draft_form import WORDING, DraftForm
from personalization.trials.persona import Persona
from personalization.trials.sample_shoppers import SAMPLE, sample_shoppers
from portal.customers import subject_of
from profiles.selectors.segments import active_keys, titles

NO_NAMES: Final = "You may not look at a named shopper. Choose one of the sample shoppers."
FORBIDDEN: Final = "forbidden"
ONE_OF: Final = "Choose a shopper, an invented persona, or a segment: not two of them."
PERSONA: Final = ("clicks", "carts", "purchases", "attributes")


def _attributes_in_words(names: Sequence[str]) -> str:
    if not names:
        return "This shop uses no attributes of shoppers."
    example = ", ".join(f"{name}=…" for name in names[:2])
    return f"Name and value, as {example}. This shop has {', '.join(names)}."


class PreviewForm(DraftForm):
    """Whom, where, and a draft rule. Lists are separated by commas, as in a saved rule."""

    rule_id = forms.IntegerField(min_value=1, required=False, widget=forms.HiddenInput())
    """The saved rule in whose place the draft is tried."""
    subject = forms.CharField(label="Shopper", max_length=MAX_RAW_ID, required=False)
    segment = forms.ChoiceField(required=False)
    clicks = CommaListField(label="Looked at")
    carts = CommaListField(label="Put into the cart")
    purchases = CommaListField(label="Bought")
    attributes = CommaListField(label="Attributes")
    placement = forms.ChoiceField()
    product_id = CommaListField(label="Product looked at, or the cart", max_length=2_000)
    limit = forms.IntegerField(label="Size", min_value=1, max_value=50, required=False)
    effect = forms.ChoiceField(label="What it does", choices=[("", "No draft rule"), *effects()], required=False)

    def __init__(
        self, *args: Any, placements: list[tuple[str, str]], samples: dict[str, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.samples = samples
        """The user id of each pseudonym, for staff who may not name a shopper; None for the others."""
        self.fields["placement"] = forms.ChoiceField(choices=placements)
        active = set(active_keys())
        own = [(key, name) for key, name in titles() if key in active]
        self.fields["segment"] = forms.ChoiceField(choices=[("", "no segment"), *own], required=False)
        self.fields["attributes"].help_text = _attributes_in_words(settings.SHOPPER_ATTRIBUTES)
        for name in ("clicks", "carts", "purchases", "product_id"):
            self.fields[name].widget.attrs["data-picker"] = "products"

    def clean_subject(self) -> str:
        """Return the shopper as a subject. Staff who may not name one choose a sample; the others may too."""
        subject: str = self.cleaned_data["subject"].strip()
        if not subject or (self.samples is None and not subject.startswith(SAMPLE)):
            return subject and subject_of(subject)
        samples = sample_shoppers() if self.samples is None else self.samples
        if subject in samples:
            return f"user:{samples[subject]}"
        if self.samples is None:  # an id that looks like a sample, or one of another day
            return subject_of(subject)
        raise forms.ValidationError(NO_NAMES, code=FORBIDDEN)

    def clean_attributes(self) -> list[tuple[str, str]]:
        """Return the pairs of name and value."""
        pairs = [tuple(word.strip() for word in one.partition("=")[::2]) for one in self.cleaned_data["attributes"]]
        if not all(name and value for name, value in pairs):
            raise forms.ValidationError("An attribute is a name and a value, as region=north or age=30.")
        return [(name, value) for name, value in pairs]

    def clean(self) -> dict[str, Any]:
        """Refuse a shopper beside a persona or a segment."""
        cleaned = super().clean() or {}
        if cleaned.get("subject") and (cleaned.get("segment") or any(cleaned.get(name) for name in PERSONA)):
            self.add_error("subject", ONE_OF)
        return cleaned

    def is_forbidden(self) -> bool:
        """Return whether the form names a shopper although this person may not."""
        return self.has_error("subject", FORBIDDEN)

    def persona(self) -> Persona | None:
        """Return the invented persona, None if none of its fields is filled; with a segment it is a member."""
        fields = self.cleaned_data
        if not any(fields[name] for name in PERSONA):
            return None
        segments = (fields["segment"],) if fields["segment"] else ()
        return Persona(**{name: tuple(fields[name]) for name in PERSONA}, segments=segments)

    def ask(self) -> Ask:
        """Return the request; an id without prefix is a user id, no id is an unknown shopper."""
        fields = self.cleaned_data
        who = who_of(fields["subject"])
        return Ask(
            placement=fields["placement"],
            who=who,
            product_ids=tuple(fields["product_id"]),
            limit=fields["limit"],
            personalized=who.has_id,
            explain=True,
        )

    def draft(self) -> dict[str, Any] | None:
        """Return the draft rule's wording, or None without an effect."""
        return self.wording() if self.cleaned_data["effect"] else None

    def draft_query(self) -> dict[str, str]:
        """Return the fields of the draft as the form of a rule takes them, for this placement if it names none."""
        names = (*(name for name in WORDING), "starts_at_0", "starts_at_1", "ends_at_0", "ends_at_1")
        query = {name: value for name in names if (value := self.data.get(name, "").strip())}
        return {"placements": self.cleaned_data["placement"], **query}
