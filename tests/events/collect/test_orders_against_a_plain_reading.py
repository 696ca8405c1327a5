"""Orders of random shops, held against a plain reading of docs/events.md: in the tables, and in what training reads."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

import pytest

from common.clock import to_microseconds
from common.pseudonyms import pseudonym_or_none, subject_pseudonym
from events.log import get_log
from events.models import Order
from events.selectors import training_frame
from events.services.recorder import Recorder, offsets
from tests.events.builders import START

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db(transaction=True)
YES = {"consent": {"categoryPreferences": {"analytics": True, "personalization": True, "train_models": True}}}
NAMES = ("Order Completed", "Order Completed", "Order Updated", "Order Refunded", "Order Cancelled")
SHOPPERS = ({"userId": "ada"}, {"anonymousId": "bo"}, {"userId": "cy", "anonymousId": "tablet"})
AMOUNTS = (3, 9.9, "12.50", 0, "0.005", "1E+2", 1234567.125, None, "")
MONEY = ("total", "shipping", "tax", "discount")
Told = dict[str, Any]
Lines = list[tuple[str, Decimal, Decimal | None, str]]


def sent(chance: random.Random, number: int) -> Told:
    """Return an event about one of a few orders, told by somebody, in the hour before START."""
    properties: Told = {name: chance.choice(AMOUNTS) for name in ("revenue", *MONEY) if chance.random() < 0.3}
    properties |= {"order_id": f"O{chance.randrange(40)}", "coupon": chance.choice(("SUMMER", "", 12))}
    properties |= {"currency": chance.choice(("eur", "SEK", "", "JPY"))} if chance.random() < 0.5 else {}
    properties |= {"products": [product(chance) for _ in range(chance.randrange(4))]} if chance.random() < 0.7 else {}
    return {
        "type": "track",
        "messageId": f"m{number:04d}",
        "event": chance.choice(NAMES),
        "timestamp": START / 1e6 - chance.randrange(3600),
        "properties": properties,
        "context": YES,
        **chance.choice(SHOPPERS),
    }


def product(chance: random.Random) -> Told:
    """Return a product object that may lack anything but an id."""
    result: Told = {chance.choice(("product_id", "sku", "id")): chance.choice(("P1", "P2", 7))}
    result |= {"price": chance.choice(AMOUNTS)} if chance.random() < 0.8 else {}
    result |= {"quantity": chance.choice((1, "2", 0.5, None, ""))} if chance.random() < 0.6 else {}
    return result | ({"list_id": "R1"} if chance.random() < 0.2 else {})


def collect(server: "APIClient", items: list[Told], chance: random.Random) -> None:
    """Send the items, some twice, in requests of any size; record them in batches of any size."""
    waiting = [*items, *chance.sample(items, len(items) // 5)]
    chance.shuffle(waiting)
    while waiting:
        size = chance.choice((1, 2, 7, 40))
        body = json.dumps({"batch": waiting[:size]})
        assert server.post("/v1/batch", body, content_type="text/plain").status_code == 200
        record(chance.choice((2, 1000, 1000)))
        waiting = waiting[size:]


def record(count: int) -> None:
    """Record what waits, so many entries at a time."""
    log, recorder = get_log(), Recorder()
    while any((batch := log.read_many(after := offsets(range(log.shards)), count=count)).values()):
        recorder.record(batch, after=after)


def number(value: Any) -> Decimal | None:
    """Return an amount, None where nothing is told."""
    return None if value in (None, "") else Decimal(str(value))


def kept(amount: Decimal | None) -> Decimal | None:
    """Return an amount with the decimals of the table."""
    return None if amount is None else amount.quantize(Decimal("0.0001"), ROUND_HALF_UP)


def lines_of(properties: Told) -> Lines:
    """Return id, quantity, price and list of each line."""
    return [
        (
            str(one.get("product_id") or one.get("sku") or one.get("id")),
            number(one.get("quantity")) or Decimal(1),
            number(one.get("price")),
            one.get("list_id", ""),
        )
        for one in properties.get("products", ())
    ]


def revenue_of(properties: Told) -> Decimal | None:
    """Return the revenue, else the total, else what the lines come to if all have a price."""
    lines = lines_of(properties)
    summed = sum((quantity * (price or 0) for _, quantity, price, _ in lines), Decimal(0))
    priced = bool(lines) and all(price is not None for _, _, price, _ in lines)
    amounts = [number(properties.get(name)) for name in ("revenue", "total")]
    return next((one for one in amounts if one is not None), summed if priced else None)


def told_of(events: list[Told]) -> Told:
    """Return what all events of one order come to."""
    result: Told = {"refunded": Decimal(0), "wholly_refunded": False, "placed_at": None, "lines": []}
    back: dict[str, Decimal] = defaultdict(Decimal)
    for one in sorted(events, key=lambda one: (one["timestamp"], one["messageId"])):
        properties, name, revenue = one["properties"], one["event"], kept(revenue_of(one["properties"]))
        result["status"] = name.removeprefix("Order ").lower()
        if name == "Order Completed" and result["placed_at"] is None:
            result["placed_at"] = round(one["timestamp"] * 1e6)
        if name in ("Order Completed", "Order Updated"):
            result |= {name: kept(number(properties.get(name))) for name in MONEY}
            result |= {"revenue": revenue, "currency": (properties.get("currency") or "EUR").upper()}
            result |= {"coupon": str(properties["coupon"]), "lines": lines_of(properties)}
            result |= {
                "user_id": pseudonym_or_none(one.get("userId")),
                "anonymous_id": pseudonym_or_none(one.get("anonymousId")),
            }
        elif name == "Order Refunded":
            lines = lines_of(properties) if revenue is None else []
            result["refunded"] += revenue or sum(quantity * (price or 0) for _, quantity, price, _ in lines)
            for item, quantity, price, _ in lines:
                back[item] += quantity if price is None else 0
            part = properties.get("products") or number(properties.get("shipping")) or number(properties.get("tax"))
            result["wholly_refunded"] |= revenue is None and not part
    result["refunded"] = kept(result["refunded"] + sum(worth(result["lines"], item, back[item]) for item in back))
    return result


def worth(lines: Lines, item: str, units: Decimal) -> Decimal:
    """Return what so many units of a product were paid, as far as its lines have a price."""
    paid = [(quantity, price) for result, quantity, price, _ in lines if result == item and price is not None]
    bought = sum(quantity for quantity, _ in paid)
    return sum((quantity * price for quantity, price in paid), Decimal(0)) * min(units, bought) / (bought or 1)


def stored(row: Order, names: list[str]) -> Told:
    """Return the same of a row."""
    result: Told = {name: getattr(row, name) for name in names if name != "lines"}
    result["placed_at"] = row.placed_at and to_microseconds(row.placed_at)
    result["lines"] = [
        (line.product_id, line.quantity, line.price, line.list_id) for line in row.lines.order_by("position")
    ]
    return result


def bought(items: list[Told]) -> Iterator[tuple[str, str, float, float, str, float | None]]:
    """Yield shopper, product, seconds, units, order and price in euros of each bought line."""
    for one in items:
        properties = one["properties"]
        euros = (properties.get("currency") or "eur") == "eur"
        named = f"user:{one['userId']}" if "userId" in one else f"anonymous:{one['anonymousId']}"
        shopper = subject_pseudonym(named)
        for item, quantity, price, _ in lines_of(properties) if one["event"] == "Order Completed" else ():
            known = float(price) if euros and price is not None else None
            yield shopper, item, one["timestamp"], float(quantity), properties["order_id"], known


@pytest.mark.parametrize("seed", range(2))
def test_orders_are_what_their_events_come_to_and_training_reads_what_was_bought(
    server: "APIClient", seed: int
) -> None:
    chance = random.Random(seed)
    items = [sent(chance, number) for number in range(300)]
    by_order: dict[str, list[Told]] = defaultdict(list)
    for one in items:
        by_order[one["properties"]["order_id"]].append(one)

    collect(server, items, chance)

    for order_id, events in by_order.items():
        properties = told_of(events)
        properties["lines"] = [
            (item, kept(quantity), kept(price), shown) for item, quantity, price, shown in properties["lines"]
        ]
        assert stored(Order.objects.get(order_id=order_id), list(properties)) == properties
    frame = training_frame()
    assert set(frame["event"]) == {"purchase"}
    columns = (frame[name] for name in ("user_id", "item_id", "timestamp", "quantity", "order_id"))
    prices = [None if price != price else price for price in frame["price"]]
    assert Counter(zip(*columns, prices, strict=True)) == Counter(bought(items))
