"""The nightly watch compares served answers with those of the week before."""

from collections.abc import Sequence
from itertools import count

import pytest

from catalog.models import Product
from catalog.services import remove_product
from common import clock
from common.ids import uuid7
from customers.models import Customer
from events.served_lists import served_lists
from events.services.server_events import ServerEvent, append_server_events
from modelops.models import ModelAlarm, ModelDrift
from modelops.services.registry import promote
from modelops.services.served_answers import DAY, DAYS
from modelops.tasks import watch_drift_task
from recsys.evaluation.model_checks import fairness as numbers
from tests.modelops.purchases import bought, put
from tests.modelops.releases import passed_version
from tests.personalization.shop import says
from tests.recsys.furniture import PRODUCTS, model

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stocked_shop")]
NAMES = tuple(PRODUCTS)
SHOPPERS = 210
US = 86_400_000_000
NUMBERS = count(1)


def answer(who: str | None, product_ids: Sequence[str], at: int) -> ServerEvent:
    """Return an answer of the server, to a user or without one."""
    products = [{"product_id": one} for one in product_ids]
    properties = {"recommendation_id": str(uuid7()), "products": products}
    return ServerEvent(message_id=str(uuid7()), name="Recommendation Served", at=at, user_id=who, properties=properties)


def shop_serves(days_ago: int, *, share_bought: float, same: bool = False) -> None:
    """Write an answer per shopper of that day; a share of the shoppers then buys its first product.

    The others buy something else. With `same`, all answers show the same two products.
    """
    at = clock.epoch_us() - days_ago * US - US // 2
    lists = [[NAMES[(0 if same else who) % 8 + place] for place in range(2)] for who in range(SHOPPERS)]
    append_server_events([answer(f"u{who}", products, at) for who, products in enumerate(lists)])
    sales = [(who, products[0] if who % 100 < 100 * share_bought else NAMES[9]) for who, products in enumerate(lists)]
    put([bought(f"s{next(NUMBERS)}", who, product_id, at + 60_000_000) for who, product_id in sales])


@pytest.fixture
def live(monkeypatch: pytest.MonkeyPatch) -> None:
    """A live model, a usual week, and two countries; the least group size is fifty."""
    monkeypatch.setattr(numbers, "MIN_GROUP", 50)
    promote(passed_version(model(("popular",))), actor="staff:1")
    for who in range(SHOPPERS):
        says({"user_id": f"u{who}"}, "analytics")
    Customer.objects.bulk_create(
        Customer(raw_id=f"user:u{who}", attributes={"country": "DE" if who % 2 else "FR"}) for who in range(SHOPPERS)
    )
    for days_ago in range(1, DAYS):
        shop_serves(days_ago, share_bought=0.5)


def test_usual_day_passes_all_checks(live: None) -> None:
    shop_serves(0, share_bought=0.5)

    watch_drift_task()

    (night,) = ModelDrift.objects.all()
    checks_by_name = {check["name"]: check for check in night.checks}
    assert all(check["passed"] for check in night.checks if check["grade"] == "alarms")
    counts = [checks_by_name[f"served: {name}"]["value"] for name in ("shoppers", "days before", "shoppers judged")]
    assert counts == [SHOPPERS, DAYS - 1, SHOPPERS]
    assert checks_by_name["served: coverage"]["value"] == pytest.approx(0.9)
    assert {"served: loss of activity some events", "served: loss of region FR", "served: groups by region"} <= set(
        checks_by_name
    )
    assert not ModelAlarm.objects.exists()


def test_removed_products_do_not_count_in_coverage(live: None) -> None:
    remove_product(NAMES[9], actor="key:test")
    Product.objects.filter(product_id=NAMES[9]).update(removed_at=clock.now() - (DAYS + 1) * DAY)
    shop_serves(0, share_bought=0.5)

    watch_drift_task()

    (night,) = ModelDrift.objects.all()
    (coverage,) = (check for check in night.checks if check["name"] == "served: coverage")
    assert (coverage["value"], coverage["bar"]) == (1.0, 0.95)


def test_uniform_unsuccessful_answers_raise_alarm(live: None) -> None:
    shop_serves(0, share_bought=0.1, same=True)

    watch_drift_task()

    (alarm,) = ModelAlarm.objects.all()
    for name in ("gini", "coverage", "loss of activity some events", "loss of region DE"):
        assert f"served: {name}" in alarm.message
    assert not any(check["grade"] == "notes" for check in alarm.checks)


def test_lists_are_sampled_by_shopper_and_day() -> None:
    for who in range(20):
        says({"user_id": f"u{who}"}, "analytics")
    now = clock.now()
    at = int(now.timestamp() * 1e6) - US // 2
    everybody = [answer(f"u{who}", NAMES[:2], at + place) for who in range(20) for place in range(3)]
    append_server_events([*everybody, answer(None, NAMES[:3], at - US)])
    put([])

    before, *last = served_lists(since=now - 2 * DAY, days=2, limit=30)

    assert (before.day, before.person, before.product_ids) == (0, "", NAMES[:3])
    assert {one.day for one in last} == {1}
    persons = [one.person for one in last]
    assert len(set(persons)) == 10
    assert sorted(persons) == sorted(list(set(persons)) * 3)
