"""Replays a thousand answers of a running shop through model swaps, increments and edits: all must be identical.

    make bench-replay ARGS="--answers 1000"

A fresh installation with a web worker and consumers. Shoppers view, buy and log in over HTTP while answers of all kinds
are asked for: placements and pages, with filters, cursors and exploration. In between the model is swapped twice,
increments are made, rules, placements and products are edited. Then every answer is computed again from what its
exposure kept. At last one logged input and one stored answer are altered, which replay must report. Figures go to
`bench/results/replay.json`.
"""

import argparse
import http.client
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from bench._results import write_results
from bench._stage import Stage, stage, until
from bench.live_counts import key_of_shop
from bench.serving import catalog, history, released
from recsys.data.dataset import Dataset, build
from recsys.ranking.model import HybridModel

if TYPE_CHECKING:  # Django is set up after this file is read
    from personalization.services.replay import Replay, Replayer

SOURCES: Final = ("popular", "trending", "covisitation", "rp3beta", "content")
CONSENT: Final = {"analytics": True, "personalization": True, "train_models": True}
ACTOR: Final = "system:bench"
RULE_EDITS, PRODUCT_EDITS, INCREMENTS, SWAPS = 10, 30, 3, 2
OLD: Final = "2025-01-01T00:00:00Z"
DAY: Final = 86_400
SHOPPERS: Final = 40
"""Users and visitors who ask; all of them consented. Without consent, an answer keeps no products of its request."""


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=1_000)
    parser.add_argument("--products", type=int, default=400)
    parser.add_argument("--shoppers", type=int, default=300, help="that the models learn from")
    options = parser.parse_args()
    with stage() as it:
        os.environ.update({**it.environment, "DJANGO_SETTINGS_MODULE": "config.settings", "SERVING_REFRESH": "inline"})
        figures = measured(it, options)
    print(json.dumps(figures, indent=1))
    write_results("replay", figures)
    return 0 if figures["identical"] == figures["answers"] and figures["altered_are_reported"] else 1


def measured(it: Stage, options: argparse.Namespace) -> dict[str, Any]:
    """Return what the answers and their replays came to."""
    import django

    django.setup()
    from events.activity import lag
    from modelops.services.registry import promote

    versions = shop(options.products, options.shoppers)
    it.environment["KEY_RATE_SECRET"] = "100000000/minute"
    promote(versions[0], actor=ACTOR)
    key = key_of_shop()
    it.run("consumer", sys.executable, "manage.py", "consume")
    it.serve()
    desk = Desk(versions[1:], options.products)
    caller = Caller(it, key, options.products)
    caller.learn(options.shoppers)
    until(lambda: lag() == 0, seconds=120, what="recording the past")
    desk.open()
    answers = serve_and_edit(caller, desk, options.answers)
    figures: dict[str, Any] = {"answers": len(answers), **desk.done}
    return figures | replays(answers)


def shop(products: int, shoppers: int) -> list[str]:
    """Fill the shop and register three versions of its model; return their names."""
    from catalog.services import bulk_upsert
    from tests.modelops.releases import passed_version

    items = catalog(products)
    rows = [
        {"product_id": row.item_id, "title": row.title, "category": row.category.split("/"), "brand": row.brand,
         "price": f"{row.price:.2f}", "currency": "EUR", "stock": 50, "available_from": OLD,
         "attributes": {"color": ("red", "green", "blue")[number % 3]}}
        for number, row in enumerate(items.itertuples())
    ]  # fmt: skip
    bulk_upsert(rows, actor=ACTOR)
    return [passed_version(model_of(build(history(products, n), items))) for n in (shoppers // 2, shoppers, shoppers)]


def model_of(dataset: Dataset) -> HybridModel:
    """Return a model of the rows, moved so that the last one is an hour old."""
    rows = dataset.interactions
    moved = replace(rows, times=rows.times - rows.times.max() + time.time() - 3_600)
    return released(replace(dataset, interactions=moved), SOURCES)


@dataclass
class Desk:
    """Whoever edits the shop meanwhile: each call of `edit` makes the next edit that is due."""

    versions: list[str]
    products: int
    done: Counter[str] = field(default_factory=Counter)
    _rules: list[int] = field(default_factory=list)
    _chance: random.Random = field(default_factory=lambda: random.Random(3))

    def open(self) -> None:
        """Make rules, a segment and placements that explore."""
        from personalization.services.placements import save_placement
        from personalization.services.rules import create_rule
        from profiles.services.segments import create_segment

        watched = {"event": "view", "times": 2, "within": "30 days"}
        create_segment(key="watchers", name="Watchers", rule=watched, actor=ACTOR)
        for name, wording in (
            ("Boost a brand", {"effect": "boost", "factor": 3.0, "brands": ["Brand 1", "Brand 2"]}),
            ("Pin for watchers", {"effect": "pin", "position": 1, "products": ["P00005"], "segments": ["watchers"]}),
            ("Cap of brands", {"effect": "cap", "cap": 2, "cap_by": "brand", "placements": ["home"]}),
            ("No cheap ones", {"effect": "exclude", "max_price": "6.00"}),
        ):
            self._rules.append(create_rule(name=name, wording=wording, actor=ACTOR).pk)
        for key in ("home", "product", "trending"):
            save_placement(key, data={"explore_share": 0.5, "explore_cap": 40}, actor=ACTOR)
        self.new_product()

    def edit(self, number: int, of: int) -> None:
        """Make the edits that are due at this of so many answers."""
        for kind, times, make in (
            ("rule_edits", RULE_EDITS, self.edit_rule),
            ("product_edits", PRODUCT_EDITS, self.edit_product),
            ("increments", INCREMENTS, self.increment),
            ("model_swaps", SWAPS, self.swap),
        ):
            while self.done[kind] < times and number * (times + 1) >= (self.done[kind] + 1) * of:
                self.done[kind] += 1
                make()

    def edit_rule(self) -> None:
        """Give a rule another wording, switch one off and on, or edit a placement."""
        from personalization.services.placements import save_placement
        from personalization.services.rules import edit_rule, switch_rule

        number = self.done["rule_edits"]
        if number % 4 == 3:
            switch_rule(self._rules[2], active=number % 8 == 7, actor=ACTOR)
            save_placement("home", data={"max_per_category": number}, actor=ACTOR)
            return
        brands = [f"Brand {self._chance.randrange(97)}" for _ in range(3)]
        edit_rule(self._rules[0], wording={"effect": "boost", "factor": 2.0 + number, "brands": brands}, actor=ACTOR)

    def edit_product(self) -> None:
        """Change price, stock or texts of a product, remove one, or add one."""
        from catalog.models import Product
        from catalog.services import remove_product

        number = self.done["product_edits"]
        row = Product.objects.filter(product_id=f"P{self._chance.randrange(self.products):05d}")
        match number % 5:
            case 0:
                self.new_product()
            case 1:
                row.update(price=7 + number)
            case 2:
                row.update(stock=0)
            case 3:
                row.update(title=f"Another title {number}", brand="Brand 1")
            case 4:
                if row.filter(removed_at=None).exists():
                    remove_product(row.get().product_id, actor=ACTOR)

    def new_product(self) -> None:
        """Add a new product, which exploration may show."""
        from catalog.services import put_product

        number = self.done["product_edits"]
        data = {"title": f"Thing new {number}", "category": ["Department 1", f"Kind {number}"], "price": "20",
                "currency": "EUR", "brand": "Brand 3", "stock": 9}  # fmt: skip
        put_product(f"new-{number}", data=data, actor=ACTOR)

    def increment(self) -> None:
        """Make an increment of the live version."""
        from modelops.services.increments import run_increment

        print(run_increment(forced=True, actor=ACTOR), flush=True)

    def swap(self) -> None:
        """Promote the next version."""
        from modelops.services.registry import promote

        promote(self.versions.pop(0), actor=ACTOR)


class Caller:
    """The storefront: it sends events and asks for answers."""

    def __init__(self, it: Stage, key: str, products: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", int(it.environment["PORT"]), timeout=60)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._chance, self._products, self._cursor = random.Random(5), products, ""

    def learn(self, shoppers: int) -> None:
        """Send a past of views and purchases, which increments learn from."""
        now = time.time()
        self._send([self._event(f"a{visitor}", self._product(), now - DAY) for visitor in range(SHOPPERS)])
        for shopper in range(shoppers):
            kinds = self._chance.sample(range(40), 3)
            ages = sorted((self._chance.uniform(600, 60 * DAY) for _ in range(25)), reverse=True)
            self._send(
                [self._event(f"u{shopper}", self._of_kind(self._chance.choice(kinds)), now - age) for age in ages]
            )

    def acts(self) -> None:
        """Send what a few shoppers do now; some are visitors, and some of these log in."""
        batch = []
        for _ in range(self._chance.randrange(1, 5)):
            shopper, draw = self._shopper(), self._chance.random()
            product = self._product()
            name = "Product Viewed" if draw < 0.7 else "Product Added" if draw < 0.85 else "Order Completed"
            batch.append(self._event(shopper, product, time.time(), name=name))
        if self._chance.random() < 0.1:
            number = self._chance.randrange(20)
            batch.append({"type": "identify", "userId": f"u{number}", "anonymousId": f"a{number}",
                          "context": {"consent": {"categoryPreferences": CONSENT}}})  # fmt: skip
        self._send(batch)

    def asks(self) -> Iterator[str]:
        """Ask one question of a random kind; yield the ids of the answers."""
        product, shopper = self._product(), self._shopper()
        who = f"anonymous_id={shopper}" if shopper.startswith("a") else f"user_id={shopper}"
        if (kind := self._chance.randrange(16)) == 15:
            slots = [{"placement": name, "product_id": [product]} for name in ("home", "product", "similar", "recent")]
            name = "anonymous_id" if shopper.startswith("a") else "user_id"
            body = self._call("POST", "/api/v1/page", {name: shopper, "placements": slots})
            yield from (one["recommendation_id"] for one in body["placements"].values())
            return
        path = (
            f"home?{who}", f"home?{who}&limit=25", "home?anonymous_id=silent", f"product?{who}&product_id={product}",
            f"similar?{who}&product_id={product}", f"bundle?product_id={product}&{who}",
            f"cart?{who}&product_id={product}&product_id={self._product()}", f"trending?{who}", f"recent?{who}",
            f"home?{who}&max_price=90&attributes.color=red", f"home?{who}&exclude={product}&in_stock=true",
            f"home?{who}&strategy=covisitation&product_id={product}", "trending?personalized=false",
            f"onboarding?{who}", f"home?{who}&brand=Brand%203&cursor={self._cursor}" if self._cursor else f"home?{who}",
        )[kind]  # fmt: skip
        body = self._call("GET", f"/api/v1/recommendations/{path}")
        self._cursor = body["next_cursor"] or ""
        yield body["recommendation_id"]

    def _event(self, shopper: str, product: str, at: float, *, name: str = "Product Viewed") -> dict[str, Any]:
        line: dict[str, Any] = {"product_id": product, "price": 20, "quantity": 1}
        properties = (
            line if name != "Order Completed" else {"order_id": f"o{at}", "currency": "EUR", "products": [line]}
        )
        return {
            "type": "track",
            "event": name,
            "anonymousId" if shopper.startswith("a") else "userId": shopper,
            "properties": properties,
            "timestamp": datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z"),
            "context": {"consent": {"categoryPreferences": CONSENT}},
        }

    def _shopper(self) -> str:
        return f"{self._chance.choice('uuua')}{self._chance.randrange(SHOPPERS)}"

    def _product(self) -> str:
        return f"P{self._chance.randrange(self._products):05d}"

    def _of_kind(self, kind: int) -> str:
        return f"P{kind + 40 * self._chance.randrange(self._products // 40):05d}"

    def _send(self, batch: list[dict[str, Any]]) -> None:
        self._call("POST", "/v1/batch", {"batch": batch})

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        self._connection.request(method, path, None if body is None else json.dumps(body), self._headers)
        response = self._connection.getresponse()
        content = response.read()
        if response.status != 200:
            raise RuntimeError(f"{path}: {response.status} {content.decode()}")
        return json.loads(content)


def serve_and_edit(caller: Caller, desk: Desk, n_answers: int) -> list[str]:
    """Return the ids of so many answers, given while events came and the shop was edited."""
    answers: list[str] = []
    while len(answers) < n_answers:
        desk.edit(len(answers), n_answers)
        if len(answers) % 3 == 0:
            caller.acts()
        answers.extend(caller.asks())
    return answers[:n_answers]


def replays(answers: list[str]) -> dict[str, Any]:
    """Return what the replays of all answers came to, and of two that are altered."""
    from personalization.services.replay import Replayer

    until(lambda: is_recorded(answers[-1]), seconds=60, what="recording the answers")
    time.sleep(3)  # the history of the live counts follows within a second
    replayer, began = Replayer(), time.monotonic()
    results = [replayer.replay(one) for one in answers]
    seconds = time.monotonic() - began
    for one in [one for one in results if one.verdict != "identical"][:10]:
        print(
            one.verdict, one.recommendation_id, one.placement, one.difference, one.cause, one.missing_inputs, one.doubts
        )
    figures: dict[str, Any] = dict(Counter(one.verdict for one in results))
    figures |= {"explored": sum(any("propensity" in line for line in one.stored) for one in results)}
    figures |= {"personal": sum("history" in one.inputs for one in results)}
    figures |= {f"{name}_named": n_distinct(results, name) for name in ("artifact", "catalog", "rules", "counts")}
    figures |= {"seconds_of_replay": round(seconds, 1), **sizes(results)}
    identical = [
        one for one in results if one.verdict == "identical" and len(one.stored) > 3 and "history" in one.inputs
    ]
    altered = altered_replays(replayer, identical[0], identical[1])
    return {"identical": 0, **figures, **altered}


def is_recorded(recommendation_id: str) -> bool:
    """Return whether the answer is recorded."""
    from common.errors import NotFound
    from events.past_answers import past_answer

    try:
        past_answer(recommendation_id)
    except NotFound:
        return False
    return True


def n_distinct(results: "list[Replay]", name: str) -> int:
    """Return how many versions of an input the answers name."""
    return len({json.dumps(one.inputs[name]) for one in results if name in one.inputs})


def sizes(results: "list[Replay]") -> dict[str, float]:
    """Return the mean bytes of an exposure's inputs and of its list."""
    inputs = [len(json.dumps(dict(one.inputs), separators=(",", ":"))) for one in results]
    lists = [len(json.dumps([dict(line) for line in one.stored], separators=(",", ":"))) for one in results]
    return {"bytes_of_inputs": round(sum(inputs) / len(inputs)), "bytes_of_list": round(sum(lists) / len(lists))}


def altered_replays(replayer: "Replayer", first: "Replay", second: "Replay") -> dict[str, Any]:
    """Alter an input of one recorded answer and the list of another; return what their replays say."""

    def alter(change: Callable[[dict[str, Any]], None], answer: "Replay") -> "Replay":
        from events.models import Event

        row = Event.objects.get(name="Recommendation Served", properties__recommendation_id=answer.recommendation_id)
        change(row.properties)
        Event.objects.filter(pk=row.pk).update(properties=row.properties)
        return replayer.replay(answer.recommendation_id)

    def another_limit(properties: dict[str, Any]) -> None:
        properties["inputs"].setdefault("request", {})["limit"] = len(properties["products"]) - 1

    def other_order(properties: dict[str, Any]) -> None:
        lines = properties["products"]
        lines[0]["product_id"], lines[1]["product_id"] = lines[1]["product_id"], lines[0]["product_id"]

    by_input, by_list = alter(another_limit, first), alter(other_order, second)
    is_reported = "inputs were altered" in by_input.cause and "stored list was altered" in by_list.cause
    return {
        "altered_input": f"{by_input.verdict}: {by_input.difference} {by_input.cause}",
        "altered_answer": f"{by_list.verdict}: {by_list.difference} {by_list.cause}",
        "altered_are_reported": is_reported and {by_input.verdict, by_list.verdict} == {"different"},
    }


if __name__ == "__main__":
    sys.exit(main())
