"""The demo loads data once through the shop's interfaces, and can be run again."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.contrib.auth import authenticate

from access.selectors import forget_keys, resolve_key
from access.services import revoke_key
from audit.selectors import entries
from catalog.selectors import catalog_rows
from common.demo_keys import PUBLIC_KEY, SECRET_KEY
from common.errors import Conflict, Unauthenticated
from consents.models import PolicyText
from demo import filling, setup
from demo.datasets import simulated
from demo.datasets.base import DemoData
from events.log import get_log
from personalization.selectors.placements import active_placements
from personalization.services.rules import create_rule
from profiles.selectors.segments import active_keys


@pytest.fixture
def small(db: None) -> DemoData:
    """A simulated shop of forty shoppers."""
    forget_keys()
    return simulated.load(now=datetime.now(UTC), currency="EUR", shoppers=40)


def ignore(amount: int) -> None:
    """Show no progress."""


def test_the_demo_has_one_policy_text_on_record(db: None) -> None:
    forget_keys()
    setup.prepare()
    forget_keys()
    setup.prepare()

    (text,) = PolicyText.objects.all()
    assert [one.data["sha256"] for one in entries(action="policytext.added")] == [text.sha256]


def test_prepare_is_idempotent(db: None) -> None:
    forget_keys()
    setup.prepare()
    forget_keys()
    before = resolve_key(SECRET_KEY).id

    setup.prepare()

    forget_keys()
    assert resolve_key(SECRET_KEY).id == before
    assert active_placements()["home-svd"].strategy == "svd"
    assert all(authenticate(username=name, password=setup.PASSWORD) for name in setup.LOGINS)


def test_segments_to_try_rules_on_are_made_once(small: DemoData) -> None:
    filling.fill_catalog(small, ignore)
    setup.make_segments()
    setup.make_segments()

    assert set(active_keys()) == {"big-spenders", "new-visitors", "category-lookers"}
    rule = create_rule(
        name="For big spenders",
        wording={"effect": "boost", "brands": ["Nord"], "segments": ["big-spenders"]},
        actor="staff:1",
    )
    assert rule.current is not None


def test_revoked_key_stays_revoked(db: None) -> None:
    forget_keys()
    setup.prepare()
    revoke_key(resolve_key(PUBLIC_KEY).id, actor="staff:1")
    forget_keys()

    setup.prepare()

    with pytest.raises(Unauthenticated):
        resolve_key(PUBLIC_KEY)
    assert resolve_key(SECRET_KEY)


def test_all_products_and_events_are_accepted(small: DemoData) -> None:
    filling.fill_catalog(small, ignore)
    filling.send_events(small, ignore)

    assert len(catalog_rows()) == small.n_products
    entries = [entry for shard in range(get_log().shards) for _, entry in get_log().read(shard, count=100_000)]
    kinds = {entry.kind for entry in entries}
    assert kinds == {"event", "counted"}
    assert len([entry for entry in entries if entry.kind == "event"]) > small.n_items / 2


@pytest.mark.usefixtures("db")
def test_home_placement_gets_the_rest_days_of_the_data_set() -> None:
    before = active_placements()["home"]

    setup.set_rest_days(10)

    assert active_placements()["home"] == replace(before, rest_days=10, version=before.version + 1)


def test_second_data_set_is_rejected(small: DemoData) -> None:
    assert not filling.check_loaded("simulated")
    filling.note_loaded(small)

    assert filling.check_loaded("simulated")
    with pytest.raises(Conflict):
        filling.check_loaded("complete-journey")
