"""The tables' side: proofs on change only, in any order, never altered; the cache rebuilt; a shopper erased."""

import hashlib
import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib import import_module
from io import StringIO
from threading import Thread

import pytest
from django.core.management import call_command
from django.db import InternalError, ProgrammingError, connection, transaction
from msgspec.structs import replace

from common import clock, privacy, redis
from consents.cache import link, seen_in
from consents.cache_updates import rebuild
from consents.models import ConsentEvent, ConsentState, PolicyText, Purpose
from consents.privacy import STORE
from consents.rules import BUILT_IN, PurposeTerms
from consents.selectors import forget_terms, person, proofs, states, terms
from consents.services import record_decisions
from consents.state import NOTHING_DECIDED
from customers.identity import Link
from customers.services import apply_links
from events.types.base import Event

pytestmark = pytest.mark.django_db


def decided(message_id: str, given: bool, at: int, user_id: str | None = None, purpose: str = "analytics") -> Event:
    return Event(
        message_id=message_id,
        kind="track",
        name="Product Viewed",
        at=at * 1_000_000,
        received_at=clock.epoch_us(),
        user_id=user_id,
        anonymous_id="bo",
        consents={purpose: given},
        context={"region": "DE", "consent": {"policy_version": "3"}},
        source="key:1",
    )


def test_events_decide_for_both_ids_and_only_changes_are_proven() -> None:
    PolicyText.objects.create(version="3", body="We ask.")
    story = [decided("m1", True, 1, "ada"), decided("m2", True, 2), decided("m3", False, 3), decided("m3", False, 3)]

    changed = record_decisions(story)

    assert changed == 3
    assert [(proof.message_id, proof.given) for proof in proofs(["anonymous:bo"])] == [("m3", False), ("m1", True)]
    assert [proof.message_id for proof in proofs(["user:ada"])] == ["m1"]
    (first,) = proofs(["user:ada"])
    assert (first.region, first.policy_version, first.source, first.purpose_version) == ("DE", "3", "key:1", 1)


def test_a_proof_of_an_event_holds_the_hash_of_the_text_that_was_shown() -> None:
    PolicyText.objects.create(version="3", language="en", body="We ask.")

    record_decisions([decided("m1", True, 1)])

    (proof,) = proofs(["anonymous:bo"])
    assert proof.policy_sha256 == hashlib.sha256(b"We ask.").hexdigest()


def test_the_latest_wins_in_any_order_and_however_often_it_comes() -> None:
    story = [decided("m1", True, 1), decided("m2", False, 2), decided("m3", True, 2)]

    for order in itertools.permutations(story):
        with transaction.atomic():
            for event in order:
                record_decisions([event])
                record_decisions([event])
            latest = ConsentState.objects.get(raw_id="anonymous:bo")
            assert (latest.given, latest.event_id) == (False, "m2")
            transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True)
def test_what_is_decided_of_one_holds_up_nobody_else() -> None:
    story = [replace(decided(f"m-{name}", True, 1), anonymous_id=name) for name in ("bo", "cy", "eve")]
    free: list[str] = []
    with transaction.atomic():
        record_decisions(story)

    def look() -> None:
        with transaction.atomic():
            rows = ConsentState.objects.select_for_update(skip_locked=True).order_by("raw_id")
            free.extend(rows.values_list("raw_id", flat=True))
        connection.close()

    other = Thread(target=look)
    with transaction.atomic():
        assert record_decisions([story[0]]) == 0  # told again: read, and held until the end, without a change
        other.start()
        other.join()

    assert free == ["anonymous:cy", "anonymous:eve"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE consents_consentevent SET given = NOT given",
        "UPDATE consents_consentevent SET raw_id = 'erased:x'",
        "DELETE FROM consents_consentevent",
        "UPDATE consents_purpose SET title = 'x'",
        "DELETE FROM consents_policytext",
    ],
)
def test_nobody_alters_a_proof_a_purpose_or_a_text(statement: str) -> None:
    record_decisions([decided("m1", True, 1)])
    Purpose.objects.get_or_create(name="analytics", version=1, defaults={"title": "x", "description": "x"})
    PolicyText.objects.create(version="3", body="We ask.")

    with pytest.raises((InternalError, ProgrammingError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert ConsentEvent.objects.get().given


def test_even_erasure_may_only_replace_the_id() -> None:
    record_decisions([decided("m1", True, 1)])

    forged = "SET LOCAL vitrine.erasing = 'on'; UPDATE consents_consentevent SET raw_id = 'erased:x', given = false"
    with pytest.raises((InternalError, ProgrammingError)), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(forged)

    assert ConsentEvent.objects.get().given


def test_the_cache_is_rebuilt_from_the_tables() -> None:
    nowhere = replace(decided("m2", False, 5, purpose="train_models"), context={})
    record_decisions([decided("m1", True, 1, "ada"), nowhere])
    apply_links([Link("claim", "bo", "ada", at=at, message_id=f"m{at}") for at in (9, 7, 8)])
    redis.client().flushdb()

    call_command("rebuild_consents", stdout=StringIO(), stderr=StringIO())

    result = states(["user:ada", "anonymous:bo"])
    assert result["user:ada"].decisions["analytics"].given
    assert not result["anonymous:bo"].decisions["train_models"].given
    assert result["anonymous:bo"].region == "DE"
    assert result["anonymous:bo"].links == {"user:ada": 7}
    assert result["user:ada"].links == {"anonymous:bo": 7}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("told_again", ["recorder", "rebuild"])
def test_what_is_told_again_moves_nobody_back_to_where_they_decided(told_again: str) -> None:
    with transaction.atomic():
        record_decisions([decided("m1", True, 1)])
    pipe = redis.client().pipeline()
    seen_in(pipe, "anonymous:bo", "FR")
    pipe.execute()

    if told_again == "recorder":
        with transaction.atomic():
            record_decisions([decided("m1", True, 1)])
    else:
        list(rebuild())

    assert person("anonymous:bo").region == "FR"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("told_again", ["recorder", "rebuild"])
def test_where_no_region_is_known_that_of_the_latest_decision_is(told_again: str) -> None:
    story = [
        replace(decided("m1", True, 1), context={"region": "US"}),
        decided("m2", True, 9, purpose="train_models"),
        replace(decided("m3", True, 5, purpose="personalization"), context={"region": "FR"}),
    ]
    with transaction.atomic():
        record_decisions(story)
    if told_again == "rebuild":
        redis.client().flushdb()
        list(rebuild())

    assert person("anonymous:bo").region == "DE"


def test_erasing_keeps_the_proof_and_forgets_whose_it_was() -> None:
    record_decisions([decided("m1", True, 1, "ada"), decided("m2", False, 3, "ada")])
    ada = privacy.Person(("user:ada", "anonymous:bo"))
    exported = STORE.export(ada)["consent_decisions"]
    assert len(list(exported)) == 4

    gone = STORE.erase(ada)

    assert gone >= 6
    assert STORE.verify(ada) == 0
    assert ConsentEvent.objects.count() == 4
    assert not ConsentEvent.objects.exclude(raw_id__startswith="erased:").exists()  # a random id may spell any name
    assert person("user:ada").epoch == 0
    assert STORE.erase(ada) == 0


def test_erasing_one_takes_all_that_names_them_and_nothing_of_anybody_else(
    django_capture_on_commit_callbacks: Callable[..., AbstractContextManager[object]],
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        record_decisions([decided("m1", True, 1, "ada"), replace(decided("m2", False, 2), anonymous_id="cy")])
    ada, cy = privacy.Person(("user:ada", "anonymous:bo")), privacy.Person(("anonymous:cy",))
    exported = [
        (one["purpose"], one["decision"]) for who in (ada, cy) for one in STORE.export(who)["consent_decisions"]
    ]
    assert exported == [("analytics", "yes"), ("analytics", "yes"), ("analytics", "no")]
    assert [STORE.verify(who) for who in (ada, cy)] == [6, 3], "of each id a proof, a state and the cache"

    gone = STORE.erase(ada)

    assert gone == 6
    assert [STORE.verify(who) for who in (ada, cy)] == [0, 3]
    assert states(["user:ada", "anonymous:bo"]) == dict.fromkeys(["user:ada", "anonymous:bo"], NOTHING_DECIDED)
    assert not states(["anonymous:cy"])["anonymous:cy"].decisions["analytics"].given


def test_a_link_alone_names_somebody_too() -> None:
    pipe = redis.client().pipeline()
    link(pipe, "user:eve", "anonymous:eve", 5)
    pipe.execute()

    assert STORE.verify(privacy.Person(("user:eve",))) == 1


def test_the_seeded_purposes_are_those_that_decide_while_the_table_is_down() -> None:
    seeds = import_module("consents.migrations.0002_seed_purposes").SEEDS

    seeded = {name: PurposeTerms(name, 1, basis, share) for name, _, _, basis, _, _, share in seeds}

    assert seeded == BUILT_IN


def test_a_new_version_of_a_purpose_is_what_counts() -> None:
    Purpose.objects.create(name="analytics", version=2, title="x", description="x", legal_basis="legitimate_interest")
    forget_terms()

    assert terms()["analytics"].version == 2
    assert not terms()["analytics"].essential
    assert not terms()["analytics"].by_consent
    forget_terms()


def test_a_policy_text_carries_the_hash_of_its_body() -> None:
    text = PolicyText.objects.create(version="7", body="We ask.")

    assert text.sha256 == "9259f8a592645b11656d21a52831bbe99179154fdb9f5844445a404066aa5d3b"
