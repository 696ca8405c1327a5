"""The daily retention job: what is over goes, in every room, what is not stays, and the audit log has the numbers."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.sessions.models import Session

from audit.selectors import entries
from common import clock, redis, retention
from common.errors import Unavailable
from common.ids import uuid7
from consents.models import Purpose
from consents.services.retention import delete_old_data
from customers.models import Customer, CustomerLink
from events.models import Event, Order, OrderLine, SetAside
from experiments.models import Experiment, Exposure, StickyArm
from experiments.services.designs import create_experiment
from profiles import keys

pytestmark = pytest.mark.django_db


def ago(days: float) -> datetime:
    return clock.now() - timedelta(days=days)


def event(days: float, *allowed: str, user_id: str | None = "ada", anonymous_id: str | None = None) -> Event:
    at, id = ago(days), uuid7()
    return Event.objects.create(
        id=id, message_id=str(id), at=at, received_at=at, kind="track", name="Product Viewed", user_id=user_id,
        anonymous_id=anonymous_id, allowed=list(allowed), shard=0, log_offset=1,
    )  # fmt: skip


def test_an_event_goes_with_the_last_purpose_that_keeps_it() -> None:
    gone = [event(731, "personalization"), event(396, "analytics"), event(396, "analytics", "experiments"), event(396)]
    kept = [event(729, "personalization"), event(394, "analytics"), event(396, "analytics", "train_models"), event(1)]

    deleted = delete_old_data()

    assert deleted == {"events": len(gone)}
    assert {row.pk for row in Event.objects.all()} == {row.pk for row in kept}
    assert _of("events").overdue(clock.now()) == 0  # type: ignore[misc]


def _of(name: str) -> retention.Retention:
    return next(one for one in retention.retentions() if one.name == name)


def test_the_setting_is_the_longest_time_and_0_leaves_it_to_the_purposes(settings: Any) -> None:
    event(40, "personalization")
    event(4000, "personalization")
    Purpose.objects.create(name="personalization", version=2, title="P", description="d", retention_days=None)
    event(396, "analytics")

    settings.EVENTS_RETENTION_DAYS = 0
    assert delete_old_data() == {"events": 1}, "analytics promises 395 days"
    settings.EVENTS_RETENTION_DAYS = 5000
    assert delete_old_data() == {}
    settings.EVENTS_RETENTION_DAYS = 30
    assert _of("events").overdue(clock.now()) == 2  # type: ignore[misc]
    assert delete_old_data() == {"events": 2}


def test_events_go_day_by_day_and_those_between_stay() -> None:
    for days in (395.1, 396, 500.5, 800, 1200):
        event(days, "analytics")
    kept = [event(days, "personalization") for days in (395.1, 500.5, 729)]

    assert _of("events").overdue(clock.now()) == 5  # type: ignore[misc]
    assert delete_old_data() == {"events": 5}
    assert {row.pk for row in Event.objects.all()} == {row.pk for row in kept}


def test_orders_and_rejected_events() -> None:
    old = Order.objects.create(order_id="O1", placed_at=ago(3651), user_id="ada")
    OrderLine.objects.create(order=old, position=1, product_id="lamp", quantity=1, raw_id="user:ada")
    Order.objects.create(order_id="O2", placed_at=ago(3649), user_id="ada")
    Order.objects.create(order_id="O3", status_at=ago(3651))
    for offset, days in enumerate((91, 89)):
        SetAside.objects.create(reason="r", payload="{}", received_at=ago(days), shard=0, log_offset=offset)

    assert delete_old_data() == {"orders": 2, "rejected_events": 1}
    assert [row.order_id for row in Order.objects.all()] == ["O2"]
    assert not OrderLine.objects.exists()


def test_customers_go_when_they_were_not_seen_for_long(settings: Any) -> None:
    settings.EVENTS_RETENTION_DAYS = 5000
    for raw_id in ("user:gone", "user:ada", "user:buyer", "anonymous:gone", "anonymous:here", "user:new"):
        Customer.objects.create(raw_id=raw_id)
    Customer.objects.exclude(raw_id="user:new").update(created_at=ago(1100))
    for user_id in ("gone", "ada"):
        CustomerLink.objects.create(kind="claim", from_id="d", user_id=user_id, at=ago(1100), message_id=user_id)
    event(10, "personalization", user_id="ada")
    event(1096, "personalization", user_id="gone")
    event(10, "personalization", user_id=None, anonymous_id="here")
    Order.objects.create(order_id="O1", placed_at=ago(1000), user_id="buyer")
    Purpose.objects.create(name="personalization", version=2, title="P", description="d", retention_days=None)

    assert _of("customers").overdue(clock.now()) == 3  # type: ignore[misc]
    assert delete_old_data() == {"customers": 3}
    kept = sorted(Customer.objects.values_list("raw_id", flat=True))
    assert kept == ["anonymous:here", "user:ada", "user:buyer", "user:new"]
    assert [row.user_id for row in CustomerLink.objects.all()] == ["ada"]


def test_profiles_go_with_the_latest_of_what_they_hold() -> None:
    client, now = redis.client(), clock.now()
    old, new = (clock.to_microseconds(now - timedelta(days=days)) for days in (731, 729))
    client.zadd(f"{keys.BROWSED}user:gone", {b'["m",0]': old})
    client.zadd(f"{keys.BROWSED}user:ada", {b'["m",0]': old, b'["n",0]': new})
    client.zadd(f"{keys.BROWSED}user:told", {b'["m",0]': old})
    client.hset(f"{keys.ATTRIBUTES}user:told", "city", f'["city",{new},"m","Rome"]')
    client.set(f"{keys.REFUSED}user:no", new)
    client.zadd(f"{keys.LINKED}linked", {"anonymous:phone": old, "anonymous:desk": new})
    client.zadd(f"{keys.CLAIMS}phone", {"m\0linked": old})
    kept = {"user:ada", "user:told", "user:no", "user:linked"}
    client.sadd(keys.SUBJECTS, *kept, "user:gone", "anonymous:phone", "user:empty")

    assert _of("profiles").overdue(now) == 3  # type: ignore[misc]
    assert delete_old_data() == {"profiles": 3}
    assert client.smembers(keys.SUBJECTS) == {one.encode() for one in kept}
    assert not client.exists(f"{keys.BROWSED}user:gone")


def test_who_saw_an_archived_experiment(settings: Any) -> None:
    for key, status, days in (("old", "archived", 396), ("ended", "stopped", 396), ("young", "archived", 394)):
        create_experiment(key, data={}, actor="staff:1")
        Experiment.objects.filter(key=key).update(status=status, ended_at=ago(days))
        row = Experiment.objects.get(key=key)
        Exposure.objects.create(experiment=row, epoch=1, unit="user:ada", arm="control", first_at=ago(400))
        StickyArm.objects.create(experiment=row, epoch=1, raw_id="user:ada", arm="control", at=ago(400))

    assert delete_old_data() == {"experiments": 2}
    assert {row.experiment.key for row in Exposure.objects.all()} == {"ended", "young"}


def test_sessions_and_the_record_in_the_audit_log() -> None:
    for days in (-1, 1):
        Session.objects.create(session_key=f"s{days}", session_data="", expire_date=ago(days))

    assert delete_old_data() == {"sessions": 1}
    (entry,) = entries(object="retention:sessions")
    assert (entry.action, entry.data["deleted"]) == ("retention.applied", 1)
    assert delete_old_data() == {}
    assert len(list(entries(object="retention:sessions"))) == 1


def test_one_failure_keeps_no_other_kind_from_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = retention.Retention(
        "broken", "B", "r", period=lambda: timedelta(days=1), delete=lambda _: 1 // 0, overdue=lambda _: 0
    )
    monkeypatch.setitem(retention._retentions, "broken", broken)
    event(731, "personalization")

    with pytest.raises(Unavailable, match="broken"):
        delete_old_data()

    assert not Event.objects.exists()


def test_every_kind_with_an_end_is_deleted_by_something() -> None:
    ends = [one for one in retention.retentions() if one.period() is not None]

    assert [one.name for one in ends if one.delete is None and not one.job] == []
    assert [one.name for one in ends if one.delete is not None and one.overdue is None] == []
    assert {one.setting for one in ends if one.setting and not hasattr(django_settings, one.setting)} == set()
