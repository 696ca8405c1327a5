"""The replay of one answer: computed again from what was logged, beside what was shown."""

import threading
from itertools import zip_longest
from typing import Any, Final

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from common.clock import from_microseconds
from common.errors import NotFound
from events.past_answers import recent_answers
from personalization.services.replay import Replay, Replayer, Verdict
from portal.permissions import may, staff_page
from portal.theme import staff_context

SEE: Final = "events.view_event"
"""A replay shows what one shopper got, as the list of events does."""
WITHOUT_SHOPPER: Final = "modelops.replay_answers"
"""The right to a replay that shows nothing of whose answer it was."""
OF_SHOP: Final = ("now", "placement", "artifact", "increment", "catalog", "rules", "on_sale", "counts", "late")
"""Inputs of an answer that are the same for every shopper of that moment."""
RECENT: Final = 20
VERDICTS: Final[dict[Verdict, str]] = {
    "identical": "Identical: computed again, every product comes at the same place.",
    "different": "Different: computed again, the list is another one.",
    "unproven": "The same list came out, but an input could not be checked.",
    "not_recomputed": "Not computed again: an input is gone.",
    "erased": "Erased.",
}
BUSY: Final = "Another answer is being computed again. Try it in a moment."
_computing: Final = threading.Lock()
"""A replay loads a model and a catalog of its own: one at a time in each process."""


class ReplayForm(forms.Form):
    """The answer."""

    answer = forms.UUIDField(label="Answer", error_messages={"invalid": "Write the recommendation_id of an answer."})


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page(SEE, WITHOUT_SHOPPER)
def page(request: HttpRequest) -> HttpResponse:
    """Show the form; by POST, the replay of an answer. It writes nothing."""
    form = ReplayForm(request.POST or request.GET or None)
    context: dict[str, Any] = {
        **staff_context(request, title="Replay"),
        "form": form,
        "days": settings.REPLAY_DAYS,
        "increments": settings.REPLAY_INCREMENTS,
        "recent": recent_answers(RECENT),
        "sees_shoppers": may(request.user, SEE),
    }
    if request.method == "POST" and form.is_valid():
        context |= _replayed(str(form.cleaned_data["answer"]), sees_shoppers=context["sees_shoppers"])
    return render(request, "portal/replay.html", context)


def _replayed(recommendation_id: str, *, sees_shoppers: bool) -> dict[str, Any]:
    if not _computing.acquire(blocking=False):
        return {"problem": BUSY}
    try:
        result = Replayer().replay(recommendation_id)
    except NotFound as error:
        return {"problem": error.detail}
    finally:
        _computing.release()
    return {
        "result": result,
        "verdict": VERDICTS[result.verdict],
        "at": from_microseconds(result.at) if result.at else None,
        "rows": _rows(result),
        "inputs": {name: value for name, value in result.inputs.items() if sees_shoppers or name in OF_SHOP},
    }


def _rows(result: Replay) -> list[dict[str, Any]]:
    """Return the places of both lists; without a recomputed list, of the stored one."""
    pairs = zip_longest(result.stored, result.recomputed)
    return [
        {"place": place, "stored": one, "recomputed": other, "same": one == other or not result.recomputed}
        for place, (one, other) in enumerate(pairs, 1)
    ]
