"""What this room holds about a person, for access and erasure.

Proofs stay: a shop must be able to show later that it had a yes (GDPR, Article 7(1)). Erasure cuts them from the
person, by a random pseudonym that nobody can lead back; states and cache go.
"""

from django.db import connection, transaction

from common import privacy, redis
from common.ids import uuid7
from consents import cache, selectors
from consents.models import ConsentEvent, ConsentState

NAME = "consents"


def register() -> None:
    """Add this room's store to the registry."""
    privacy.register(privacy.Store(NAME, erase=erase, export=export, verify=verify, last=True))


def erase(person: privacy.Person) -> int:
    """Cut the proofs from the person, remove states and cache; return how many records went."""
    gone = 0
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL vitrine.erasing = 'on'")
        for raw_id in person.subjects:
            gone += ConsentEvent.objects.filter(raw_id=raw_id).update(raw_id=f"erased:{uuid7()}")
        gone += ConsentState.objects.filter(raw_id__in=person.subjects).delete()[0]
    pipe = redis.client().pipeline(transaction=False)
    for raw_id in person.subjects:
        cache.forget(pipe, raw_id)
    return gone + sum(int(removed) for removed in pipe.execute())


def export(person: privacy.Person) -> privacy.Export:
    """Return every recorded decision."""
    rows = [
        {
            "purpose": proof.purpose,
            "decision": "yes" if proof.given else "no",
            "decided_at": proof.at.isoformat(),
            "source": proof.source,
            "policy_version": proof.policy_version,
            "region": proof.region,
        }
        for proof in selectors.proofs(person.subjects)
    ]
    return {"consent_decisions": rows}


def verify(person: privacy.Person) -> int:
    """Return how many records still name the person."""
    rows = ConsentEvent.objects.filter(raw_id__in=person.subjects).count()
    rows += ConsentState.objects.filter(raw_id__in=person.subjects).count()
    known = selectors.states(person.subjects)
    return rows + sum(1 for state in known.values() if state.decisions or state.links)
