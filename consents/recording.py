"""The tables' side of a decision: a proof on each change of mind, and the latest state. Called in a transaction."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import connection

from common.clock import from_microseconds, to_microseconds
from consents.models import ConsentEvent
from consents.models import ConsentState as StateRow
from consents.selectors import policy_hash
from consents.state import ConsentState, Decision, mind_at

_UPSERT = """
INSERT INTO consents_consentstate AS known (raw_id, purpose, given, at, event_id, region)
SELECT * FROM unnest(%s::text[], %s::text[], %s::boolean[], %s::timestamptz[], %s::text[], %s::text[])
ON CONFLICT (raw_id, purpose) DO UPDATE
SET given = excluded.given, at = excluded.at, event_id = excluded.event_id,
    region = CASE WHEN excluded.region = '' THEN known.region ELSE excluded.region END
WHERE (excluded.at, NOT excluded.given, excluded.event_id) > (known.at, NOT known.given, known.event_id)
"""


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """One decision to record. `at` in microseconds since the epoch."""

    raw_id: str
    purpose: str
    given: bool
    at: int
    message_id: str
    source: str = ""
    policy_version: str = ""
    region: str = ""

    @property
    def decision(self) -> Decision:
        """The yes or no itself."""
        return Decision(self.given, self.at, self.message_id)


def write(decisions: Iterable[DecisionRecord], *, versions: Mapping[str, int]) -> int:
    """Write proofs of the changes among the decisions, and the new states; return how many proofs that were.

    Decisions may come twice and in any order: the latest by event time wins, and of two at one time the refusal.
    """
    ordered = sorted(decisions, key=lambda one: one.decision.rank)
    known = _known({one.raw_id for one in ordered})
    proofs = _proofs(one.raw_id for one in ordered if not one.decision.beats(known[one.raw_id].on(one.purpose)))
    changes: list[DecisionRecord] = []
    winners: dict[tuple[str, str], DecisionRecord] = {}
    for one in ordered:
        before, recorded = known[one.raw_id], proofs[one.raw_id, one.purpose]
        known[one.raw_id] = after = before.with_decision(one.purpose, one.decision)
        if after is not before:
            winners[one.raw_id, one.purpose] = one
        if after.epoch > before.epoch or one.decision.changed_late(
            before.on(one.purpose), recorded=mind_at(one.at, recorded)
        ):
            changes.append(one)
            recorded.append(one.decision)
    _write_proofs(changes, versions)
    _write_states(list(winners.values()))
    return len(changes)


def _proofs(raw_ids: Iterable[str]) -> defaultdict[tuple[str, str], list[Decision]]:
    decisions: defaultdict[tuple[str, str], list[Decision]] = defaultdict(list)
    for row in ConsentEvent.objects.filter(raw_id__in=set(raw_ids)):
        decisions[row.raw_id, row.purpose].append(Decision(row.given, to_microseconds(row.at), row.message_id))
    return decisions


def _known(raw_ids: set[str]) -> defaultdict[str, ConsentState]:
    """Return the states in the table, their rows locked in one order until the transaction ends."""
    by_id: defaultdict[str, ConsentState] = defaultdict(ConsentState)
    rows = StateRow.objects.select_for_update().filter(raw_id__in=sorted(raw_ids)).order_by("raw_id", "purpose")
    for row in rows:
        decision = Decision(row.given, to_microseconds(row.at), row.event_id)
        by_id[row.raw_id] = by_id[row.raw_id].with_decision(row.purpose, decision)
    return by_id


def _write_proofs(changes: list[DecisionRecord], versions: Mapping[str, int]) -> None:
    texts = {version: policy_hash(version) if version else "" for version in {one.policy_version for one in changes}}
    rows = [
        ConsentEvent(
            raw_id=one.raw_id,
            purpose=one.purpose,
            purpose_version=versions.get(one.purpose),
            given=one.given,
            at=from_microseconds(one.at),
            message_id=one.message_id,
            source=one.source,
            policy_version=one.policy_version if texts[one.policy_version] else "",  # nobody published another
            policy_sha256=texts[one.policy_version],
            region=one.region,
        )
        for one in changes
    ]
    ConsentEvent.objects.bulk_create(rows, ignore_conflicts=True)


def _write_states(winners: list[DecisionRecord]) -> None:
    if not winners:
        return
    winners.sort(key=lambda one: (one.raw_id, one.purpose))
    columns = zip(
        *(
            (one.raw_id, one.purpose, one.given, from_microseconds(one.at), one.message_id, one.region)
            for one in winners
        ),
        strict=True,
    )
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, [list(column) for column in columns])
