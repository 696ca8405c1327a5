"""One event from the door to training and to the next answer: what one room knows of a shopper, all know."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import override_settings

from access.identity import sign_user
from access.keys import KeyRecord
from common import clock, redis
from common.pseudonyms import pseudonym, subject_pseudonym
from consents.models import ConsentEvent
from consents.selectors import person, rule_of, terms
from customers.personal import email_hash
from customers.selectors import users_with_email
from events.intake.items import Envelope
from events.log import get_log
from events.models import Event
from events.selectors import training_frame
from events.services.collect import Sender, collect
from events.services.recorder import Recorder, offsets
from events.services.server_events import ServerEvent, append_server_events
from modelops.services.gate import labels_of
from personalization.serving.shoppers import may_personalize
from profiles import services
from profiles.history import distinct
from profiles.replay import replay
from profiles.selectors import read_person
from recsys.data.cleaning import clean

pytestmark = pytest.mark.django_db(transaction=True)
START = 1_790_000_000
PURPOSES = ("analytics", "personalization", "train_models")
YES, NO = dict.fromkeys(PURPOSES, True), dict.fromkeys(PURPOSES, False)
SERVER = Sender()


def item(second: int, name: str = "Product Viewed", *, consent: dict[str, bool] | None = None, **more: Any) -> Any:
    """Return what happened so many seconds after the start: a look at the product of that number, unless said."""
    what = {"type": "track", "event": name, "properties": {"product_id": f"P{second}"}, **more}
    context = {"context": {"consent": {"categoryPreferences": consent}}} if consent else {}
    moment = datetime.fromtimestamp(START + second, UTC).isoformat()
    return {"messageId": f"m{second}", "timestamp": moment, **context, **what}


def decides(second: int, consent: dict[str, bool], **who: str) -> Any:
    """Return a decision alone."""
    return item(second, "Consent Updated", consent=consent, properties={}, **who)


def send(*items: Any, sender: Sender = SERVER) -> int:
    """Send items days later, and let both consumers work; return how many were kept."""
    later = Envelope(received_at=(START + 100_000) * 1_000_000, source=sender.source)
    kept = collect(list(items), sender=sender, envelope=later).stored
    log = get_log()
    shards = range(log.shards)
    services.apply(log.read_many(services.offsets(shards), count=10_000))
    after = offsets(shards)
    Recorder().record(log.read_many(after, count=10_000), after=after)
    return kept


def history(**who: str) -> list[str]:
    """Return the products of a live profile."""
    return [one.product_id for one in read_person(**{name: pseudonym(id) for name, id in who.items()}).history]


def trained() -> list[str]:
    """Return the products that a training learns from."""
    return list(clean(training_frame())[0]["item_id"])


def everywhere(subject: str) -> set[bool]:
    """Return whether personalization is allowed, as the consent route and as serving see it."""
    subject = subject_pseudonym(subject)
    kind, _, value = subject.partition(":")
    result = read_person(user_id=value) if kind == "user" else read_person(anonymous_id=value)
    whom = person(subject).verdict(terms()["personalization"], rule=rule_of(None))
    return {whom.allowed, may_personalize(result, gpc=False)}


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 1, 0), (2, 0, 1)])
def test_a_refusal_counts_for_its_time_whenever_it_arrives(order: tuple[int, ...]) -> None:
    said = (
        item(1, userId="ada", consent=YES),
        decides(10, NO, userId="ada"),
        item(20, userId="ada", consent=YES),
    )
    for at in order:
        send(said[at])

    assert history(user_id="ada") == trained() == ["P20"]
    refusals = ConsentEvent.objects.filter(given=False).values_list("purpose", "at")
    assert set(refusals) == {(purpose, datetime.fromtimestamp(START + 10, UTC)) for purpose in PURPOSES}
    assert everywhere("user:ada") == {True}


@pytest.mark.parametrize("refused", [NO, {"personalization": False}])
def test_a_refusal_on_one_device_holds_on_another_of_the_same_account(refused: dict[str, bool]) -> None:
    send(decides(1, refused, anonymousId="phone"), decides(3, YES, anonymousId="laptop"))
    for second, device in ((5, "phone"), (6, "laptop")):
        send(item(second, type="identify", userId="ada", anonymousId=device, traits={}))

    send(item(10, anonymousId="laptop"))

    assert everywhere("anonymous:laptop") == everywhere("user:ada") == {False}
    assert history(anonymous_id="laptop") == []
    assert trained() == ([] if refused is NO else ["P10"]), "to train models was refused in the one case alone"


def test_nobody_is_shown_more_for_a_login_than_is_collected_from_them() -> None:
    refused = {**YES, "personalization": False}
    for second, device, said in ((1, "laptop", refused), (5, "phone", YES)):
        send(item(second, type="identify", userId="ada", anonymousId=device, traits={}, consent=said))

    assert everywhere("anonymous:phone") == {False}, "the yes came with the login, not after it"
    send(item(6, anonymousId="phone", userId="ada", consent=YES))
    assert everywhere("anonymous:phone") == everywhere("user:ada") == {True}


def test_joined_accounts_are_one_person_two_steps_away() -> None:
    send(*(item(at, userId=user, consent=YES) for at, user in enumerate(("cy", "bo", "ada"), start=1)))
    send(item(5, type="alias", userId="bo", previousId="cy"), item(6, type="alias", userId="ada", previousId="bo"))

    send(item(7, type="identify", userId="ada", anonymousId="laptop", traits={}))

    send(decides(10, NO, userId="cy"))

    assert send(item(12, userId="ada"), item(13, anonymousId="laptop")) == 0
    assert everywhere("anonymous:laptop") == {False}
    assert everywhere("user:ada") == {False}
    assert trained() == []


def test_a_yes_of_who_shares_a_device_lifts_nobody_elses_refusal_on_it() -> None:
    for second, user in ((1, "bo"), (2, "ada")):
        send(item(second, type="identify", userId=user, anonymousId="till", traits={}, consent=YES))
    send(item(3, type="identify", userId="bo", anonymousId="phone", traits={}, consent=YES))

    send(decides(10, NO, anonymousId="till"), decides(20, YES, anonymousId="phone"))

    assert send(item(30, anonymousId="till")) == 0
    assert everywhere("anonymous:till") == {False}


def test_a_device_that_was_offline_leaves_no_trail_of_refusals() -> None:
    send(item(1, userId="ada", consent=YES))
    send(item(20, userId="ada", consent=YES))

    send(*(item(second, userId="ada", consent=NO) for second in range(5, 13)))
    send(*(item(second, userId="ada", consent=NO) for second in range(13, 16)))

    assert history(user_id="ada") == trained() == ["P20"]
    assert ConsentEvent.objects.filter(given=False).count() == len(PURPOSES)


@pytest.mark.parametrize("at_once", [True, False])
def test_who_refused_again_after_a_yes_refused_twice_also_where_it_arrives_late(at_once: bool) -> None:
    send(item(1, userId="ada", consent=YES), item(20, userId="ada", consent=YES))
    offline = [item(5, userId="ada", consent=NO), item(7, userId="ada", consent=YES), item(9, userId="ada", consent=NO)]

    for batch in [offline] if at_once else [[one] for one in offline]:
        send(*batch)

    assert history(user_id="ada") == trained() == ["P20"]
    refusals = ConsentEvent.objects.filter(given=False, purpose="train_models").order_by("at")
    assert [at.timestamp() - START for at in refusals.values_list("at", flat=True)] == [5, 9]
    assert everywhere("user:ada") == {True}


@pytest.mark.parametrize("at_once", [True, False])
def test_who_refused_twice_did_so_also_where_a_browser_proves_no_user(at_once: bool) -> None:
    browser = Sender(key=KeyRecord(1, "pk", "shop", frozenset(), (), "secret"))
    said = [item(at, userId="ada", anonymousId="phone", consent=NO if at in (5, 9) else YES) for at in (1, 20, 5, 7, 9)]

    for batch in [said[:2], said[2:]] if at_once else [[one] for one in said]:
        send(*batch, sender=browser)

    proofs = ConsentEvent.objects.filter(raw_id=subject_pseudonym("anonymous:phone"), purpose="train_models").order_by(
        "at"
    )
    decisions = [(one.at.timestamp() - START, one.given) for one in proofs]
    assert decisions == [(1, True), (5, False), (7, True), (9, False)]
    lose_redis()
    assert everywhere("anonymous:phone") == {True}, "the yes that ended the late refusals is in the log"
    assert everywhere("user:ada") == {False}, "nobody asked her"


def lose_redis() -> None:
    """Lose Redis once everything is recorded, and write it anew."""
    redis.client().flushdb()
    replay(get_log())


def test_who_refuses_again_what_the_account_allowed_since_has_refused_twice() -> None:
    send(item(1, userId="ada", consent=YES), item(2, type="identify", userId="ada", anonymousId="phone", traits={}))
    send(decides(5, NO, anonymousId="phone"), item(10, userId="ada", consent=YES))

    assert everywhere("user:ada") == {True}, "a yes after the login ends the refusal"
    for second in range(20, 23):
        send(item(second, anonymousId="phone", consent=NO))

    assert everywhere("user:ada") == everywhere("anonymous:phone") == {False}
    assert Event.objects.filter(name="Consent Updated", at__gte=datetime.fromtimestamp(START + 20, UTC)).count() == 1
    lose_redis()
    assert everywhere("user:ada") == everywhere("anonymous:phone") == {False}
    send(item(30, userId="ada", consent=YES))
    assert history(user_id="ada") == trained() == ["P30"], "what was before the second refusal is withdrawn"


def test_a_yes_of_an_unproved_browser_ends_no_refusal_of_the_account_it_was_proved_for_once() -> None:
    browser = KeyRecord(1, "pk", "shop", frozenset(), (), "secret")
    proven = {"traits": {"user_hash": sign_user("secret", user_id="ada")}, "consent": {"categoryPreferences": YES}}
    send(item(1, type="identify", userId="ada", anonymousId="phone", traits={}, consent=YES))
    send(decides(3, NO, userId="ada"))
    for second in (6, 7, 8):
        send(item(second, anonymousId="phone", userId="ada", consent=YES), sender=Sender(key=browser))
        send(item(second + 10, anonymousId="phone", consent=YES), sender=Sender(key=browser))

    assert everywhere("user:ada") == everywhere("anonymous:phone") == {False}
    lose_redis()
    assert everywhere("user:ada") == everywhere("anonymous:phone") == {False}
    send(item(30, anonymousId="phone", userId="ada", context=proven), sender=Sender(key=browser))
    assert everywhere("user:ada") == everywhere("anonymous:phone") == {True}, "the hash proves her"
    lose_redis()
    assert everywhere("user:ada") == everywhere("anonymous:phone") == {True}


def test_an_address_gets_a_link_if_a_server_or_a_proven_login_named_it() -> None:
    browser = KeyRecord(1, "pk", "shop", frozenset(), (), "secret", requires_user_hash=False)
    digest = email_hash("eve@example.com")

    def says(second: int, proof: dict[str, str], *, sender: Sender = SERVER) -> list[str]:
        stated: dict[str, Any] = {"type": "identify", "userId": "ada", "traits": {"email": "eve@example.com"}}
        context = {"traits": proof, "consent": {"categoryPreferences": YES}}
        send(item(second, **stated, context=context), sender=sender)
        return users_with_email(digest)

    assert says(1, {}, sender=Sender(key=browser)) == [], "anybody can say that in a browser"
    assert says(2, {"user_hash": "0" * 64}, sender=Sender(key=browser)) == []
    assert says(3, {"user_hash": sign_user("secret", user_id="ada")}, sender=Sender(key=browser)) == [pseudonym("ada")]
    assert says(4, {}, sender=Sender(key=browser)) == [], "the latest word counts, and it is nobody's"
    assert says(5, {}) == [pseudonym("ada")]


def test_a_privacy_signal_after_a_yes_outlives_the_loss_of_redis() -> None:
    browser = KeyRecord(1, "pk", "shop", frozenset(), (), "secret", requires_user_hash=False)
    proven = {"traits": {"user_hash": sign_user("secret", user_id="ada")}}
    send(item(1, userId="ada", context=proven), sender=Sender(key=browser, gpc=True))
    send(decides(5, YES, userId="ada"))

    for second in range(7, 10):
        send(item(second, userId="ada", context=proven), sender=Sender(key=browser, gpc=True))

    assert everywhere("user:ada") == {False}
    assert Event.objects.filter(name="Consent Updated").count() == 3, "signal, yes, signal"
    lose_redis()
    assert everywhere("user:ada") == {False}


def test_a_link_outlives_a_collector_that_died_once_the_log_held_its_event(monkeypatch: pytest.MonkeyPatch) -> None:
    send(decides(1, NO, userId="ada"), decides(2, YES, anonymousId="laptop"))
    append = get_log().append

    def append_and_die(entries: Any) -> None:
        append(entries)
        raise ConnectionError("killed")

    monkeypatch.setattr(type(get_log()), "append", lambda _, entries: append_and_die(entries))
    with pytest.raises(ConnectionError):
        send(item(3, type="identify", userId="ada", anonymousId="laptop", traits={}))
    monkeypatch.undo()

    assert send(item(10, anonymousId="laptop")) == 0
    assert everywhere("anonymous:laptop") == {False}


def test_who_shares_a_device_is_somebody_else() -> None:
    for second, user in ((1, "ada"), (2, "bo")):
        send(item(second, type="identify", userId=user, anonymousId="till", traits={}, consent=YES))

    send(decides(10, NO, anonymousId="phone"), item(11, type="identify", userId="bo", anonymousId="phone", traits={}))

    assert everywhere("user:bo") == {False}
    assert everywhere("user:ada") == {True}


@override_settings(CONSENT_RULES={"*": "opt_out"})
def test_a_list_that_the_shop_asked_for_joins_nobody_in_a_replay_either() -> None:
    send(item(1, userId="ada", consent=YES), item(2, anonymousId="till", consent=YES))
    ada, till = pseudonym("ada"), pseudonym("till")
    append_server_events(
        [ServerEvent("r1", "Recommendation Served", clock.epoch_us(), ada, till, properties={"products": []})]
    )
    send(decides(50, NO, anonymousId="till"))
    before = everywhere("user:ada")

    replay(get_log())

    assert everywhere("user:ada") == before == {True}


def test_two_lines_of_one_product_are_one_purchase_in_the_place_of_the_first_for_both() -> None:
    lines = [{"product_id": "A", "variant": "S"}, {"product_id": "B"}, {"product_id": "A", "variant": "M"}]
    send(item(1, "Order Completed", userId="ada", consent=YES, properties={"order_id": "O1", "products": lines}))

    interactions = distinct(read_person(user_id=pseudonym("ada")).history)

    assert [one.product_id for one in interactions] == trained() == ["A", "B"]


def test_the_groups_of_the_gate_know_what_was_said_of_an_account_that_was_joined() -> None:
    send(item(1, userId="zoe", consent=YES), item(2, type="identify", userId="zoe", traits={"region": "AT"}))
    send(item(3, type="alias", userId="zoe", previousId="ada"))
    subjects = list(training_frame()["user_id"])

    assert subjects == [subject_pseudonym("user:ada")]
    assert labels_of(subjects, since=datetime(2020, 1, 1, tzinfo=UTC))["region"] == ("AT",)
