"""The form of a rule with its current version on one page."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings

from audit.staff import name_of
from common.money import plain
from personalization.admin.forms import add_errors_of
from personalization.models import Rule
from personalization.services.rules import check_matches, draft_version, says_the_same
from personalization.trials.draft_form import WORDING, DraftForm

if TYPE_CHECKING:  # Django's own class takes no parameter when it runs
    RuleModelForm = forms.ModelForm[Rule]
else:
    RuleModelForm = forms.ModelForm


class RuleForm(RuleModelForm, DraftForm):
    """A rule with its current version; a changed wording becomes a new version."""

    shown_version = forms.IntegerField(required=False, widget=forms.HiddenInput())
    """The version on the page; another current version means that somebody else saved meanwhile."""

    class Meta:
        model = Rule
        fields = ("name", "active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        current = self.instance.current
        if current is not None:
            for name in WORDING:
                self.initial.setdefault(name, getattr(current, name))
            self.initial["shown_version"] = current.number
            for name in ("min_price", "max_price"):
                if (price := self.initial[name]) is not None:
                    self.initial[name] = plain(Decimal(price), settings.SHOP_CURRENCY)
        for name in {"name", "active", *WORDING} & set(self.fields):  # as in the form of a placement
            self.fields[name].show_hidden_initial = self.instance.pk is not None

    def clean(self) -> dict[str, Any]:
        """Check what no single field can."""
        cleaned = super().clean() or {}
        if self.instance.pk is not None and cleaned.get("shown_version") and self.changes_wording():
            self._refuse_stale_edits(cleaned["shown_version"])
        if not self.errors:
            add_errors_of(self, lambda: check_matches(draft_version(wording=self.wording())))
        return cleaned

    def changes_wording(self) -> bool:
        """Return whether this page changed more than the on/off switch."""
        return bool({"name", *WORDING} & set(self.changed_data))

    def _refuse_stale_edits(self, shown_version: int) -> None:
        """Add an error to the page if somebody else reworded or renamed the rule since it was shown.

        Switching alone is no obstacle. Locks the row: a simultaneous save of the same rule waits.
        """
        now = Rule.objects.select_for_update(of=["self"]).select_related("current").get(pk=self.instance.pk).current
        opened = self.instance.versions.filter(number=shown_version).first()
        if now is not None and (opened is None or not says_the_same(now, opened)):
            by = name_of(now.created_by)
            self.add_error(None, f"Changed meanwhile by {by}, see Versions: reload the page and decide again.")
