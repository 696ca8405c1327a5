"""The shopper's consent on their own page: each purpose in words, whether it is allowed, why, and the buttons."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.http import HttpRequest

from common.clock import from_microseconds
from common.errors import InvalidInput
from consents import gpc, selectors
from consents.person import Verdict
from consents.region import region_of
from consents.selectors.purposes import current_purposes, published_version
from consents.services import decide_for
from consents.services.own_erasure import ACTOR

SOURCE: Final = "own data page"
ALL: Final = "all"
DECIDED: Final = ("given", "refused")
ANSWERS: Final = {"allow": True, "withdraw": False}
WHY: Final[Mapping[str, str]] = {
    "given": "You said yes",
    "refused": "You said no",
    "not_asked": "Nobody asked you yet, so it is off",
    "not_objected": "On until you say no",
    "essential": "The shop cannot work without it",
    "gpc": "Your browser says no for you (Global Privacy Control), and we honor it",
    "unknown_purpose": "Off",
    "erased": "Off: your data were erased",
}


@dataclass(frozen=True, slots=True)
class OwnDecision:
    """One purpose, as `current_purposes` has it, and its state.

    `is_decided` says that the shopper answered. `may_allow` is false where the browser's own signal would refuse a yes.
    """

    text: Mapping[str, Any]
    allowed: bool
    why: str
    at: datetime | None
    is_decided: bool
    may_allow: bool


def own_decisions(subject: str, request: HttpRequest) -> list[OwnDecision]:
    """Return the state of each purpose for the person of this id."""
    signal = gpc.signaled(request)
    verdicts = selectors.verdicts(selectors.person(subject), region=region_of(request), gpc=signal)
    return [
        _own_decision(text, verdicts[text["name"]], signal=signal)
        for text in current_purposes()
        if text["name"] in verdicts
    ]


def _own_decision(text: Mapping[str, Any], verdict: Verdict, *, signal: bool) -> OwnDecision:
    at = from_microseconds(verdict.at) if verdict.at else None
    may_allow = not text["essential"] and not (signal and verdict.reason == "gpc")
    return OwnDecision(text, verdict.allowed, WHY[verdict.reason], at, verdict.reason in DECIDED, may_allow)


def decide(subject: str, request: HttpRequest) -> str:
    """Record the answer of the form under the policy text that the page showed; return what was done, in words.

    Raises InvalidInput, Unavailable.
    """
    purpose, answer = request.POST.get("purpose", ""), request.POST.get("answer", "")
    if answer not in ANSWERS:
        raise InvalidInput.of("answer", "must be allow or withdraw")
    optional = {text["name"]: text["title"] for text in current_purposes() if not text["essential"]}
    if purpose != ALL and purpose not in optional:
        raise InvalidInput.of("purpose", f"must be {ALL}, {', '.join(sorted(optional))}")
    names = list(optional) if purpose == ALL else [purpose]
    decide_for(
        subject,
        decisions=dict.fromkeys(names, ANSWERS[answer]),
        actor=ACTOR,
        source=SOURCE,
        policy_version=published_version(request.POST.get("policy_version", "")),
        region=region_of(request),
        gpc=gpc.signaled(request),
    )
    what = "All purposes are" if purpose == ALL else f"“{optional[purpose]}” is"
    return f"{what} {'allowed' if ANSWERS[answer] else 'off'} from now on."
