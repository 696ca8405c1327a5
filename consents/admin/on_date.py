"""The officer's page of what consent said of a person on a date, over all ids, with proofs and policy texts."""

import re
from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from audit.reads import note_read
from audit.staff import actor_of
from common import clock
from common.errors import InvalidInput
from common.pseudonyms import staff_subject
from consents.selectors.history import consent_on
from consents.subjects import MAX_RAW_ID, parse_subject

HOW_TO_WRITE: Final = "Write the time as 2026-12-31 18:00, in UTC."
DAY_ALONE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
SOME: Final = 100
"""Decisions that the page lists."""


class OnDateForm(forms.Form):
    """A shopper and a time. Once valid, `subject` is the raw id."""

    subject = forms.CharField(
        max_length=MAX_RAW_ID, error_messages={"required": "Name a shopper: user:ID or anonymous:ID."}
    )
    at = forms.DateTimeField(required=False, error_messages={"invalid": HOW_TO_WRITE})

    def clean_subject(self) -> str:
        """Read an id without its kind as a user's."""
        try:
            return staff_subject(parse_subject(self.cleaned_data["subject"]))
        except InvalidInput as error:
            raise forms.ValidationError(error.detail.partition(": ")[2]) from error

    def clean_at(self) -> datetime:
        """Take now where no time is named, and the end of a day that is; refuse the future."""
        now = clock.now()
        at: datetime = self.cleaned_data["at"] or now
        if DAY_ALONE.fullmatch(str(self.data.get("at")).strip()) and at <= now:
            at = min(at + timedelta(days=1, microseconds=-1), now)
        if at > now:
            raise forms.ValidationError("This time is in the future, of which nothing is known.")
        return at


def on_date_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Ask for a shopper and a time, and show what held. `context` is the admin's own."""
    form = OnDateForm(request.GET if "subject" in request.GET else None)
    history = consent_on(form.cleaned_data["subject"], at=form.cleaned_data["at"]) if form.is_valid() else None
    if history and history.proofs:
        subject = form.cleaned_data["subject"]
        note_read("consentproof.read", actor=actor_of(request), object="consentproof:on_date", subject=subject)
    page = {
        **context,
        "title": "What consent said on a date",
        "form": form,
        "history": history,
        "proofs": history.proofs[:SOME] if history else (),
        "back": reverse("admin:consents_consentevent_changelist"),
    }
    return render(request, "consents/on_date.html", page, status=422 if form.errors else 200)
