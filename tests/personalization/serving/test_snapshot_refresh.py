"""Changes of products, placements, rules and the live model apply to the next answer."""

import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from catalog.frames import attributes_of
from catalog.selectors import catalog_rows
from catalog.services import put_product, remove_product
from common import clock
from common.errors import InvalidInput, NotFound
from modelops.services.registry import promote, roll_back
from modelops.services.shop_data import shop_dataset
from personalization.models import Placement, Rule
from personalization.selectors.placements import Filters
from personalization.services.placements import save_placement
from personalization.services.recommend import recommend
from personalization.services.rules import create_rule, edit_rule, switch_rule
from personalization.serving.asking import Ask, Who
from personalization.serving.exposures import Exposures
from personalization.serving.snapshot_refresher import SnapshotRefresher, snapshot_refresher
from recsys.ranking.model import HybridModel
from tests.modelops.releases import passed_version
from tests.personalization.shop import ADA, views
from tests.recsys.furniture import model

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("live_model")]
SOFA = {"title": "Oak sofa", "category": ["Furniture", "Sofas"], "brand": "Nord", "price": "900.00", "currency": "EUR"}


def ids(placement: str = "home", who: dict[str, Any] | None = None, **fields: Any) -> list[str]:
    answer = recommend(Ask(placement=placement, who=Who(**(who or {})), **fields))
    return [item.product_id for item in answer.items]


def test_new_product_is_recommended_next_to_similar_ones() -> None:
    put_product("sofa", data=SOFA, actor="key:test")

    assert "sofa" in ids(limit=100)
    assert "sofa" in ids("product", product_ids=("chair",), limit=100)


def test_new_product_replaces_those_of_its_category() -> None:
    put_product("bench", data={**SOFA, "title": "Oak bench", "category": ("Furniture", "Chairs")}, actor="key:test")

    assert "bench" in ids("similar", product_ids=("chair",))
    assert set(ids("similar", product_ids=("bench",))) == {"chair", "stool"}


def test_view_of_new_product_changes_the_next_answer() -> None:
    put_product("sofa", data=SOFA, actor="key:test")
    views(ADA, "rug", "sofa")

    answer = recommend(Ask(placement="home", who=Who(**ADA)))

    assert "sofa" in [cause for item in answer.items for cause in item.reason.product_ids]


def test_new_product_is_among_recently_viewed() -> None:
    put_product("sofa", data=SOFA, actor="key:test")
    views(ADA, "rug", "sofa")

    assert ids("recent", ADA, limit=2) == ["sofa", "rug"]


def test_later_process_breaks_ties_alike() -> None:
    request: dict[str, Any] = {"placement": "similar", "product_ids": ("stool",), "limit": 20}
    ids(**request)
    for name in ("sofa-b", "sofa-a"):
        put_product(name, data=SOFA, actor="key:test")
        followed = ids(**request)

    snapshot_refresher.forget()

    assert ids(**request) == followed


def test_empty_attributes_cause_no_similarity() -> None:
    put_product("sofa", data={**SOFA, "attributes": {"color": None, "size": ["", None, "L"]}}, actor="key:test")

    assert attributes_of(next(one for one in catalog_rows() if one.product_id == "sofa")) == ["size=L"]


def test_price_in_another_currency_is_ignored() -> None:
    put_product("sofa", data={**SOFA, "currency": "SEK"}, actor="key:test")

    assert "sofa" in ids(limit=100)
    assert "sofa" not in ids(limit=100, filters=Filters(min_price=Decimal(500)))
    imputed = {one["column"]: one["values"] for one in shop_dataset().report["imputed"]}
    assert imputed["price in another currency"] == 1


def test_removed_or_inactive_product_is_not_shown() -> None:
    remove_product("rug", actor="key:test")
    put_product("sofa", data={**SOFA, "active": False}, actor="key:test")

    assert not {"rug", "sofa"} & set(ids(limit=100))


def test_placement_row_is_live_at_once() -> None:
    with pytest.raises(NotFound):
        ids("checkout-tips")

    save_placement("checkout-tips", data={"name": "Tips", "strategy": "popular", "size": 2}, actor="staff:1")

    assert len(ids("checkout-tips")) == 2


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("filters", {"category": 5}, "category must be a list of names"),
        ("filters", {"category": [["a"]]}, "category must be a list of names"),
        ("filters", {"brand": True}, "brand must be a list of names"),
        ("filters", {"min_price": "NaN"}, "min_price must be a number"),
        ("filters", {"max_price": "Infinity"}, "max_price must be a number"),
        ("filters", {"max_price": []}, "max_price must be a number"),
        ("filters", {"in_stock": True}, "may hold attributes, brand, category, max_price, min_price"),
        ("filters", ["category"], "may hold attributes, brand, category"),
        ("filters", {"attributes": ["color"]}, "attributes must be names with values"),
        ("filters", {"attributes": {"color": 5}}, "color must be a list of names"),
        ("sources", [{"name": []}], "must be a list of"),
        ("sources", [{"name": "popular", "weight": 10**400}], "the weight of popular must be a number above 0"),
        ("sources", [{"name": "popular", "weight": True}], "the weight of popular must be a number above 0"),
        ("sources", [{"name": "magic"}], "there is no recommender magic"),
        ("fallback", [[]], "must be a list of names"),
        ("fallback", "popular", "must be a list of names"),
        ("strategy", [], "there is no recommender"),
        ("explore_share", float("nan"), "must be a number"),
        ("discovery_share", float("nan"), "must be a number"),
        ("discovery_share", 1.1, "less than or equal to 1"),
    ],
)
def test_placement_with_wrong_types_is_rejected(field: str, value: Any, message: str) -> None:
    before = Placement.objects.values().get(key="trending")

    with pytest.raises(InvalidInput, match=message) as error:
        save_placement("trending", data={field: value}, actor="staff:1")

    assert error.value.errors[0].field == field
    assert Placement.objects.values().get(key="trending") == before


@pytest.mark.parametrize(
    "values",
    [
        {"filters": {"category": 5}},
        {"filters": {"category": [["a"]]}},
        {"filters": {"min_price": "NaN"}},
        {"filters": []},
        {"sources": [{"weight": 1}]},
        {"sources": [{"name": "popular", "weight": 10**400}]},
        {"fallback": [[]]},
    ],
)
def test_unreadable_placement_row_is_left_out(values: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    Placement.objects.filter(key="trending").update(**values)

    assert ids()
    with pytest.raises(NotFound):
        ids("trending")
    assert "placement.unreadable key=trending" in caplog.text


def test_rule_changes_apply_to_the_next_answer() -> None:
    without = ids()
    rule = create_rule(
        name="Bowl first", wording={"effect": "pin", "position": 1, "products": ["bowl"]}, actor="staff:1"
    )
    assert ids()[0] == "bowl"

    edit_rule(rule.pk, wording={"effect": "pin", "position": 2, "products": ["bowl"]}, actor="staff:1")
    assert ids()[1] == "bowl"

    switch_rule(rule.pk, active=False, actor="staff:1")
    assert ids() == without


def lost(monkeypatch: pytest.MonkeyPatch, settings: Any) -> tuple[SnapshotRefresher, Callable[[], None]]:
    """Return a refresher without Redis counters, and a function that refreshes two seconds later."""
    monkeypatch.setattr("personalization.serving.snapshot_refresher._read_counters", lambda: None)
    own, now = SnapshotRefresher(), iter(range(0, 1_000, 3))
    own.refresh()
    settings.SERVING_REFRESH = "background"
    monkeypatch.setattr(SnapshotRefresher, "_runs", lambda _: True)

    def look() -> None:
        later = time.monotonic() + next(now) + 3
        with monkeypatch.context() as moved:
            moved.setattr("personalization.serving.snapshot_refresher.time", SimpleNamespace(monotonic=lambda: later))
            own.refresh()

    return own, look


def test_config_changes_are_noticed_without_redis_counters(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own, look = lost(monkeypatch, settings)

    def state() -> tuple[list[tuple[str, int]], int, set[str]]:
        look()
        now = own.current()
        return [(one.name, one.version) for one in now.rules.rules], now.placements["home"].size, set(now.placements)

    before = state()
    assert before[0] == []
    rule = create_rule(name="Mugs", wording={"effect": "pin", "position": 1, "products": ["bowl"]}, actor="staff:1")
    assert state()[0] == [("Mugs", 1)]
    edit_rule(rule.pk, wording={"effect": "bury", "products": ["bowl"]}, actor="staff:1")
    assert state()[0] == [("Mugs", 2)]
    Rule.objects.filter(pk=rule.pk).update(name="Cups")  # by hand: no service, no `updated_at`
    assert state()[0] == [("Cups", 2)]
    switch_rule(rule.pk, active=False, actor="staff:1")
    assert state()[0] == []
    switch_rule(rule.pk, active=True, actor="staff:1")
    assert state()[0] == [("Cups", 4)], "off and on are versions"
    save_placement("home", data={"size": 7}, actor="staff:1")
    assert state()[1] == 7
    Placement.objects.filter(key="home").update(size=6)
    assert state()[1] == 6
    Placement.objects.filter(key="trending").update(active=False)
    assert state()[2] == before[2] - {"trending"}
    Placement.objects.filter(key="similar").delete()
    assert state()[2] == before[2] - {"trending", "similar"}
    with connection.cursor() as sql:
        sql.execute("UPDATE personalization_rule SET current_id = NULL")
    assert state()[0] == []


def test_rule_starts_and_ends_without_reload(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hour = timedelta(hours=1)
    wording = {"effect": "pin", "position": 1, "products": ["bowl"]}
    wording |= {"starts_at": clock.now() + hour, "ends_at": clock.now() + 2 * hour}
    create_rule(name="Mug hour", wording=wording, actor="staff:1")
    ids()
    read: list[int] = []
    monkeypatch.setattr("personalization.serving.snapshot_refresher.read_live_rules", lambda: read.append(1))
    now = clock.now()

    def at(hours: float) -> bool:
        with monkeypatch.context() as moved:
            moved.setattr(clock, "now", lambda: now + timedelta(hours=hours))
            return ids()[0] == "bowl"

    assert [at(hours) for hours in (0.5, 1.5, 2.5)] == [False, True, False]
    assert read == []


def test_unchanged_config_is_not_read_again(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    create_rule(name="Mugs", wording={"effect": "pin", "position": 1, "products": ["bowl"]}, actor="staff:1")
    own, look = lost(monkeypatch, settings)

    with CaptureQueriesContext(connection) as queries:
        look()
        look()

    assert len([one for one in queries if "ctid" in one["sql"]]) == 2
    assert not [
        one for one in queries if "personalization_ruleversion" in one["sql"] or '"discovery_share"' in one["sql"]
    ]
    assert [one.name for one in own.current().rules.rules] == ["Mugs"]


def test_promotion_and_roll_back_apply_to_the_next_answer() -> None:
    def live() -> str | None:
        return recommend(Ask(placement="home")).model_version

    first = live()
    second = passed_version(model(("popular", "rp3beta")))
    assert live() == first

    promote(second, actor="staff:1")
    assert live() == second

    roll_back(actor="staff:1")
    assert live() == first


def test_partial_reload_is_served_after_a_database_outage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def lose_connection() -> None:
        raise OperationalError("server closed the connection")

    second = passed_version(model(("popular", "rp3beta")))
    own = SnapshotRefresher()
    first = own.current().model_version
    with monkeypatch.context() as broken:
        broken.setattr("personalization.serving.snapshot_refresher.config_fingerprint", lose_connection)
        promote(second, actor="staff:1")
        remove_product("rug", actor="key:test")
        own.refresh(force=True)
        assert own.current().model_version == first

    own.refresh(force=True)

    snapshot = own.current()
    assert snapshot.model_version == second
    row = (
        snapshot.serving_catalog.rows[snapshot.serving_catalog.codes["rug"]]
        if "rug" in snapshot.serving_catalog.codes
        else None
    )
    assert row is None or not row.active


def test_unreadable_version_is_retried_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def unreadable(*args: Any, **kwargs: Any) -> HybridModel:
        tries.append(1)
        raise OSError("too many open files")

    own = SnapshotRefresher()
    first = own.current().model_version
    second = passed_version(model(("popular", "rp3beta")))
    promote(second, actor="staff:1")
    with monkeypatch.context() as broken:
        broken.setattr(HybridModel, "load", unreadable)
        for _ in range(3):
            own.refresh(force=True)

    assert (own.current().model_version, len(tries)) == (first, 1)
    assert own.refusal is not None
    own._versions._unreadable_until.clear()
    own.refresh(force=True)
    assert own.current().model_version == second


def test_requests_run_no_database_queries(
    settings: Any, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    views(ADA, "desk")
    recommend(Ask(placement="home", who=Who(**ADA)))
    settings.SERVING_REFRESH = "background"
    monkeypatch.setattr(SnapshotRefresher, "_runs", lambda _: True)
    monkeypatch.setattr(Exposures, "_runs", lambda _: True)

    with django_assert_num_queries(0):
        recommend(Ask(placement="home", who=Who(**ADA)))


def test_promotion_is_noticed_without_redis_counters(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("personalization.serving.snapshot_refresher._read_counters", lambda: None)
    own = SnapshotRefresher()
    own.refresh()
    settings.SERVING_REFRESH = "background"
    monkeypatch.setattr(SnapshotRefresher, "_runs", lambda _: True)
    second = passed_version(model(("popular", "rp3beta")))
    promote(second, actor="staff:1")
    later = time.monotonic() + 2.0
    monkeypatch.setattr("personalization.serving.snapshot_refresher.time", SimpleNamespace(monotonic=lambda: later))

    own.refresh()

    assert own.current().model_version == second


def test_unreachable_database_is_retried_after_a_pause(
    settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    own, moment = SnapshotRefresher(), time.monotonic()
    own.refresh()
    settings.SERVING_REFRESH = "background"

    def lose_connection() -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(
        "personalization.serving.snapshot_refresher._read_counters", lambda: (7, 7)
    )  # something was written
    monkeypatch.setattr(own, "_reload", lose_connection)
    for turn in range(20):  # requests that saw it wake the thread again and again
        later = moment + turn * 0.06
        with monkeypatch.context() as moved:
            moved.setattr(
                "personalization.serving.snapshot_refresher.time", SimpleNamespace(monotonic=lambda later=later: later)
            )
            own.refresh()

    assert caplog.text.count("snapshot.refresh_failed") == 3
