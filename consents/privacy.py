"""What this room holds about a person, for access and erasure.

Proofs stay: a shop must be able to show later that it had a yes (GDPR, Article 7(1)). Erasure cuts them from the
person, by a random pseudonym that nobody can lead back; states and cache go.
"""

from collections.abc import Iterator
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Min, TextField, Value
from django.db.models.functions import Cast, Concat

from common import privacy, redis
from common.ids import uuid7
from consents import cache, selectors
from consents.models import ConsentEvent, ConsentState

NAME = "consents"
ERASED = "erased:"
"""Begins the random name under which the proofs of an erased shopper stay."""
NOTE = "Proofs of decisions stay, under a random name that leads to nobody."
PROOF_FIELDS = ("raw_id", "message_id", "purpose", "given", "at", "source", "region")


def erase(person: privacy.Person) -> int:
    """Cut the proofs from the person, remove states and cache; return how many records went."""
    gone = 0
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL vitrine.erasing = 'on'")
        for raw_id in person.subjects:
            proofs, name = ConsentEvent.objects.filter(raw_id=raw_id), f"{ERASED}{uuid7()}"
            # Whoever sent the decision chose these texts; a hash of the event would confirm a guessed id.
            numbered = Concat(Value(ERASED), Cast("id", TextField()), output_field=TextField())
            gone += proofs.update(raw_id=name, message_id=numbered, source="")
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


def discover(person: privacy.Person) -> Iterator[privacy.Holding]:
    """Yield the proofs, the states, and the entries of the cache that name the person."""
    proofs = ConsentEvent.objects.filter(raw_id__in=person.subjects).count()
    states = ConsentState.objects.filter(raw_id__in=person.subjects).count()
    cached = selectors.states(person.subjects).values()
    yield privacy.Holding("proofs of decisions", PROOF_FIELDS, proofs)
    yield privacy.Holding("decisions", ("raw_id", "purpose", "given", "region"), states)
    entries = sum(1 for one in cached if one.decisions or one.links or one.region)
    yield privacy.Holding("consent cache", ("raw id", "decisions", "links", "region"), entries)


def subjects() -> Iterator[tuple[str, datetime | None]]:
    """Yield all ids that decided, with the time of the first decision; those of the cache without."""
    for rows in (ConsentEvent.objects.exclude(raw_id__startswith=ERASED), ConsentState.objects):
        yield from rows.values_list("raw_id").annotate(earliest=Min("at")).order_by().iterator()
    for key in redis.client().scan_iter(f"{cache.PREFIX}*", count=1000):
        yield key.decode().removeprefix(cache.PREFIX), None


STORE = privacy.Store(NAME, erase=erase, export=export, discover=discover, subjects=subjects, last=True, note=NOTE)
