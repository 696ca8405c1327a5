"""What consent said on a date: each purpose with its verdict, the proof of it, and the policy text of the proof."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import RedisError

from common import clock
from common.clock import to_microseconds
from consents import selectors
from consents.models import PolicyText
from consents.person import ConsentPerson, Verdict
from consents.rules import BUILT_IN, PurposeTerms, RegionRule
from consents.selectors import Proof
from consents.selectors.purposes import newest_policy, purpose_versions
from consents.state import GPC, ConsentState, Decision
from customers.selectors import identity_of, linked_since


@dataclass(frozen=True, slots=True)
class Answer:
    """One purpose: its version, the verdict, its proof where an answer decided, and the text that the proof names."""

    purpose: str
    title: str
    description: str
    version: int
    verdict: Verdict
    proof: Proof | None
    policy: Mapping[str, Any] | None

    @property
    def because(self) -> str:
        """Basis and reason in words."""
        return f"{self.verdict.basis}, {self.verdict.reason}".replace("_", " ")


@dataclass(frozen=True, slots=True)
class ConsentOnDate:
    """What held for a person at a time. `raw_ids` are the ids that were the person's then, `later_ids` joined later.

    `policy` is the newest policy text of that time; `proofs` are all decisions until then, the latest first.
    """

    subject: str
    at: datetime
    raw_ids: tuple[str, ...]
    later_ids: tuple[str, ...]
    region: str | None
    rule: RegionRule
    gpc: bool
    answers: tuple[Answer, ...]
    policy: Mapping[str, Any] | None
    proofs: tuple[Proof, ...]


def consent_on(subject: str, *, at: datetime) -> ConsentOnDate:
    """Return what consent said of the person behind `user:ID` or `anonymous:ID` at a time, from the proofs alone.

    Links are those of today that existed then, region rules are those of today.
    """
    moment, joined_at = to_microseconds(at), ids_of_person(subject)
    raw_ids = tuple(raw_id for raw_id, since in joined_at.items() if raw_id == subject or since <= moment)
    proofs = [one for one in selectors.proofs(raw_ids) if one.at <= at]
    states = dict.fromkeys(raw_ids, ConsentState())
    for one in proofs:
        decision = Decision(one.given, to_microseconds(one.at), one.message_id)
        states[one.raw_id] = states[one.raw_id].with_decision(one.purpose, decision)
    person = ConsentPerson(states, {one: since for one, since in joined_at.items() if one in states and one != subject})
    region = next((one.region for one in proofs if one.region), None)
    rule, versions = selectors.rule_of(region), purpose_versions(at)
    terms = {
        name: PurposeTerms(name, row["version"], row["legal_basis"], row["sale_or_share"])
        for name, row in versions.items()
    }
    return ConsentOnDate(
        subject=subject,
        at=at,
        raw_ids=raw_ids,
        later_ids=tuple(one for one in joined_at if one not in states),
        region=region,
        rule=rule,
        gpc=person.remembers(GPC),
        answers=answers_of(person.verdicts(terms, rule=rule), versions, proofs),
        policy=newest_policy(until=at),
        proofs=tuple(proofs),
    )


def ids_of_person(subject: str) -> dict[str, int]:
    """Return all raw ids of the person, the subject first, with the time in microseconds since when each is linked; 0
    where no link says when. They come from the customers' links and from those of the consent cache, if it answers.
    """
    identity = identity_of(subject, now=clock.now())
    since = {raw_id: to_microseconds(at) for raw_id, at in linked_since(identity).items()}
    try:
        cached = selectors.person(subject).linked_at
    except RedisError:
        cached = {}
    for raw_id, at in cached.items():
        since[raw_id] = min(at, since.get(raw_id, at))
    return {raw_id: since.get(raw_id, 0) for raw_id in dict.fromkeys((subject, *identity.raw_ids, *cached))}


def answers_of(
    verdicts: Mapping[str, Verdict], versions: Mapping[str, Mapping[str, Any]], proofs: Sequence[Proof]
) -> tuple[Answer, ...]:
    """Return an answer for each purpose. `proofs` are the person's, the latest first."""
    by_purpose = {name: _proof_of(verdict, name, proofs) for name, verdict in verdicts.items()}
    texts = _texts(proof.policy_sha256 for proof in by_purpose.values() if proof)
    order = list(BUILT_IN)
    names = sorted(verdicts, key=lambda name: (order.index(name) if name in order else len(order), name))
    return tuple(
        Answer(
            name,
            str(versions.get(name, {}).get("title", name)),
            str(versions.get(name, {}).get("description", "")),
            int(versions.get(name, {}).get("version", 1)),
            verdicts[name],
            proof := by_purpose[name],
            texts.get(proof.policy_sha256) if proof else None,
        )
        for name in names
    )


def _proof_of(verdict: Verdict, purpose: str, proofs: Iterable[Proof]) -> Proof | None:
    """Return the proof of a verdict. A decision that was only repeated has the proof of its first time."""
    if verdict.reason not in ("given", "refused", "gpc"):
        return None
    named, given = (GPC, True) if verdict.reason == "gpc" else (purpose, verdict.reason == "given")
    same = [one for one in proofs if one.purpose == named and one.given == given]
    return next((one for one in same if one.message_id == verdict.event_id), next(iter(same), None))


def _texts(hashes: Iterable[str]) -> dict[str, dict[str, Any]]:
    rows = PolicyText.objects.filter(sha256__in={one for one in hashes if one})
    return {row["sha256"]: dict(row) for row in rows.values("version", "language", "body", "sha256", "published_at")}
