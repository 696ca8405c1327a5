"""Reads of consents: terms and rules (remembered for a few seconds), states from the cache, proofs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final, cast

from django.conf import settings
from django.db.models import Max, Q

from common.clock import to_microseconds
from common.redis import Companion, run_scripts
from common.remembered import Remembered
from consents import cache
from consents.models import ConsentEvent, ConsentKey, PolicyText, Purpose
from consents.models import ConsentState as StateRow
from consents.models import RegionRule as RuleRow
from consents.person import ConsentPerson, Verdict, person_of
from consents.rules import (
    BUILT_IN,
    BUILT_IN_KEYS,
    ConsentRules,
    Mode,
    PurposeTerms,
    RegionRule,
    folded,
    normalize_region,
    rule_for,
)
from consents.state import GPC, ConsentState, Decision
from consents.verdict import ESSENTIAL


def _read_terms() -> dict[str, PurposeTerms]:
    rows = Purpose.objects.order_by("name", "version").values_list("name", "version", "legal_basis", "sale_or_share")
    return {**BUILT_IN, **{name: PurposeTerms(name, version, basis, sale) for name, version, basis, sale in rows}}


def _configured_rules() -> dict[str, RegionRule]:
    return {
        region: RegionRule(region, cast(Mode, mode), f"setting:{region}")
        for region, mode in settings.CONSENT_RULES.items()
    }


def _read_rules() -> dict[str, RegionRule]:
    rows = RuleRow.objects.values_list("pk", "region", "mode")
    return {
        **_configured_rules(),
        **{region: RegionRule(region, cast(Mode, mode), f"row:{pk}") for pk, region, mode in rows},
    }


def _read_keys() -> dict[str, str]:
    rows = ConsentKey.objects.values_list("key", "purpose")
    return {**BUILT_IN_KEYS, **{folded(key): purpose for key, purpose in rows}}


terms: Final = Remembered(_read_terms, lambda: dict(BUILT_IN))
"""`terms()`: the current version of each purpose, by name."""
rules: Final = Remembered(_read_rules, _configured_rules)
"""`rules()`: the rule of each region; rows win over the setting."""

keys: Final = Remembered(_read_keys, lambda: dict(BUILT_IN_KEYS))
"""`keys()`: the purpose that each consent key means, by the folded key; rows win over those built in."""


def forget_terms() -> None:
    """Empty this process's memory of purposes, keys and rules, for instance after one was changed."""
    terms.forget()
    rules.forget()
    keys.forget()


def rule_of(region: str | None) -> RegionRule:
    """Return the rule of the region, of the shop's default region where it is None, else the strictest."""
    return rule_for(region or normalize_region(settings.CONSENT_DEFAULT_REGION), rules())


def consent_rules() -> ConsentRules:
    """Return the purposes, consent keys and region rules of this moment, as `verdict.judge` takes them."""
    purposes = {name: purpose for name, purpose in terms().items() if name != ESSENTIAL}
    return ConsentRules(purposes, rules(), normalize_region(settings.CONSENT_DEFAULT_REGION), keys())


def states(raw_ids: Iterable[str], *, companion: Companion | None = None) -> dict[str, ConsentState]:
    """Return the state of each raw id, read from the cache in one trip, which a companion may share.

    Raises redis errors, and what the companion's `settle` raises.
    """
    wanted = list(dict.fromkeys(raw_ids))
    calls = ([companion.call] if companion else []) + ([cache.read(wanted)] if wanted else [])
    answers = run_scripts(*calls) if calls else []
    if companion:
        companion.settle(answers.pop(0))
    hashes = answers[0] if wanted else []
    return dict(zip(wanted, cache.parse_all(hashes), strict=True))


def states_of_people(raw_ids: Iterable[str], *, companion: Companion | None = None) -> dict[str, ConsentState]:
    """Return the states of the raw ids and of all that `person_of` asks about: one trip, which a companion may share,
    and one more for each step that links lead on. Raises as `states`.
    """
    wanted = list(dict.fromkeys(raw_ids))
    by_id = states(wanted, companion=companion)
    while any(state.links.keys() - by_id.keys() for state in by_id.values()):
        missing = {other for raw_id in wanted for other in person_of([raw_id], by_id).states} - by_id.keys()
        if not missing:
            break
        by_id |= states(missing)
    return by_id


def person(subject: str) -> ConsentPerson:
    """Return the person behind `user:ID` or `anonymous:ID`."""
    return person_of([subject], states_of_people([subject]))


def verdicts(whom: ConsentPerson, *, region: str | None, gpc: bool = False) -> dict[str, Verdict]:
    """Return the verdict on every purpose."""
    rule = rule_of(region or whom.region)
    return {name: whom.verdict(purpose, rule=rule, gpc=gpc) for name, purpose in terms().items()}


def allowed_purposes(raw_ids: Iterable[str]) -> dict[str, list[str]]:
    """Return the purposes that each raw id's person allows, from one trip for all. Raises redis errors."""
    ids = list(raw_ids)
    by_id = states_of_people(ids)
    people = {raw_id: person_of([raw_id], by_id) for raw_id in ids}
    return {
        raw_id: sorted(name for name, verdict in verdicts(one, region=None).items() if verdict.allowed)
        for raw_id, one in people.items()
    }


@dataclass(frozen=True, slots=True)
class Proof:
    """One recorded decision, as a compliance officer shows it, in the words of its row."""

    id: str
    raw_id: str
    purpose: str
    purpose_version: int | None
    given: bool
    at: datetime
    recorded_at: datetime
    message_id: str
    source: str
    policy_version: str
    policy_sha256: str
    region: str


def proofs(raw_ids: Iterable[str]) -> list[Proof]:
    """Return all recorded decisions of the raw ids, the latest first."""
    named = ConsentEvent.objects.filter(raw_id__in=list(raw_ids)).order_by("-at", "-id")
    return [Proof(**{**row, "id": str(row["id"])}) for row in named.values(*(one.name for one in fields(Proof)))]


def policy_hash(version: str) -> str:
    """Return the SHA-256 of the policy text of that version, or "" where no such text was published."""
    hashes: Mapping[str, str] = dict(PolicyText.objects.filter(version=version).values_list("language", "sha256"))
    return hashes.get("en") or next(iter(hashes.values()), "")


def refusing(purpose: str) -> dict[str, int]:
    """Return every raw id whose person refuses the purpose now because of it, with the time of its refusal.

    A remembered Global Privacy Control is a refusal where it counts. An id that was seen together with a refusing one
    is asked as well: it is the same person.
    """
    refusals = Q(purpose=purpose, given=False) | Q(purpose=GPC, given=True)
    rows = StateRow.objects.filter(refusals).order_by("at").values_list("raw_id", "purpose", "given", "at", "event_id")
    refused = {raw_id: to_microseconds(at) for raw_id, _, _, at, _ in rows}
    by_id = states_of_people(refused)
    for raw_id, name, given, at, event_id in rows:  # the proof decides, should the cache have lost it
        by_id[raw_id] = by_id[raw_id].with_decision(name, Decision(given, to_microseconds(at), event_id))
    near = {other: at for raw_id, at in refused.items() for other in person_of([raw_id], by_id).linked_at}
    by_id = {**states_of_people(near), **by_id}
    terms_of = terms().get(purpose)
    return {
        raw_id: at
        for raw_id, at in {**near, **refused}.items()
        if not (whom := person_of([raw_id], by_id)).verdict(terms_of, rule=rule_of(whom.region)).allowed
    }


def withdrawn(purpose: str) -> dict[str, int]:
    """Return when each raw id refused the purpose last, whatever it said since: what was before stays withdrawn."""
    refusals = {"purpose": purpose, "given": False}
    rows = ConsentEvent.objects.filter(**refusals).values_list("raw_id").annotate(last=Max("at")).order_by()
    # One that stands may have been said again since its proof: the state is the later, then.
    return {
        raw_id: to_microseconds(at)
        for raw_id, at in [*rows, *StateRow.objects.filter(**refusals).values_list("raw_id", "at")]
    }
