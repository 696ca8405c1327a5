"""Next-purchase HR@10 of a whole page of the simulated shop, now beside an earlier commit.

    make bench-whole-page ARGS="26f5590"

The page holds the shelves `home`, `recent` and `trending`, of ten places each, in one call. A question is a visit of
the last fifteen days that ends with an order: the page is asked for as the visit begins. It is a hit if any shelf holds
a product of that order. Both trees train on what came before these days, and answer the same questions.

`--models FOLDER` keeps the trained models there and uses them again.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from inspect import signature
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parent.parent
END = datetime(2026, 11, 24, tzinfo=UTC)
DAYS, TEST_DAYS, PLACES = 90, 15, 10
SHELVES = ("home", "recent", "trending")
SIGNALS = {"view": "view", "cart": "cart", "rating": "rating"}


def main() -> int:
    """Write the shop, let both trees answer, print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commit")
    parser.add_argument("--shoppers", type=int, default=2_000)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--answer", nargs=3, type=Path, metavar=("SHOP", "MODEL", "OUTPUT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.answer:
        answer_questions(*options.answer)
        return 0
    from bench._before import tree_of  # here, since the earlier tree runs this file too, and lacks that one

    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        models = options.models or scratch
        write_shop(scratch, options.shoppers)
        with tree_of(options.commit) as before:
            pages = {
                "before": pages_of(before, scratch, models / f"before-{options.commit}"),
                "now": pages_of(ROOT, scratch, models / "now"),
            }
        report(json.loads((scratch / "questions.json").read_text()), pages)
    return 0


def write_shop(folder: Path, shoppers: int) -> None:
    """Write products, interactions and questions of the simulated shop into a folder."""
    from demo.simulation.behavior import simulate
    from demo.simulation.catalog import make_products
    from demo.simulation.shoppers import make_shoppers

    products, people = make_products(seed=7), make_shoppers(shoppers, seed=7)
    acts = simulate(products, people, end=END.timestamp(), days=DAYS, seed=7)
    start, names = END - timedelta(days=DAYS), [product.product_id for product in products]
    rows = [
        {
            **product.data,
            "product_id": product.product_id,
            "available_from": (start + timedelta(days=product.arrives * DAYS if product.arrives else -30)).isoformat(),
        }
        for product in products
    ]
    (folder / "products.json").write_text(json.dumps(rows))
    events: list[tuple[str, str, float, str, float]] = []
    questions: list[dict[str, Any]] = []
    visits: dict[int, float] = {}
    for act in acts:
        user = f"user:u{act.shopper}"
        if act.action == "visit":
            visits[act.shopper] = act.at
        elif act.action == "order":
            events += [(user, names[line.product], act.at, "purchase", 1.0) for line in act.lines]
            targets = [names[line.product] for line in act.lines]
            questions.append({"user": user, "at": visits[act.shopper], "targets": targets})
        elif act.action in SIGNALS:
            events.append((user, names[act.product], act.at, SIGNALS[act.action], float(act.stars or 1)))
    cut = (END - timedelta(days=TEST_DAYS)).timestamp()
    columns = ["user_id", "item_id", "timestamp", "event", "value"]
    pd.DataFrame(events, columns=columns).to_parquet(folder / "events.parquet")
    (folder / "questions.json").write_text(json.dumps([one for one in questions if one["at"] >= cut]))


def pages_of(tree: Path, shop: Path, model: Path) -> list[dict[str, list[dict[str, str]]]]:
    """Return the page of each question as a tree answers it: product and reason of each item, by shelf."""
    output = shop / f"pages-{model.name}.json"
    command = [sys.executable, "-P", str(Path(__file__).resolve()), "-", "--answer", str(shop), str(model), str(output)]
    from bench._before import environment_of

    environment = {**environment_of(tree), "DJANGO_SETTINGS_MODULE": "config.settings", "LOG_LEVEL": "WARNING"}
    subprocess.run(command, cwd=tree, env=environment, check=True)
    pages: list[dict[str, list[dict[str, str]]]] = json.loads(output.read_text())
    return pages


def answer_questions(shop: Path, model: Path, output: Path) -> None:
    """Answer all questions with the code of this tree and write the pages."""
    import django

    django.setup()
    questions, events = json.loads((shop / "questions.json").read_text()), pd.read_parquet(shop / "events.parquet")
    snapshot = snapshot_of(json.loads((shop / "products.json").read_text()), events, model)
    own_events = dict(iter(events.sort_values("timestamp", kind="stable").groupby("user_id")))
    output.write_text(json.dumps(list(pages(snapshot, questions, own_events))))


def snapshot_of(products: Sequence[Mapping[str, Any]], events: pd.DataFrame, directory: Path) -> Any:
    """Return the snapshot that a process of this shop would serve from at the cut."""
    from catalog.frames import items_frame
    from catalog.records import ProductRow
    from catalog.validation import CHECKS
    from personalization.serving.snapshot import Snapshot
    from recsys.ranking.model import HybridModel

    rows = []
    for product in products:
        fields = {name: check(product[name]) for name, check in CHECKS.items()}
        first_seen = fields["available_from"]
        rows.append(ProductRow(product_id=product["product_id"], **fields, first_seen=first_seen, removed=False))
    cut = END - timedelta(days=TEST_DAYS)
    if not directory.exists():
        present = [row for row in rows if row.first_seen <= cut]
        trained(events[events["timestamp"] < cut.timestamp()], items_frame(present)).save(directory)
    model = HybridModel.load(directory)
    print(f"{directory.name}: stage {model.stage}", flush=True)
    return Snapshot.build(
        bundle=model, model_version=None, rows=rows, placements=placements(), rules=[], now=cut, before=None
    )


def trained(events: pd.DataFrame, items: pd.DataFrame) -> Any:
    """Return the model that a training of this tree releases."""
    from recsys.data.dataset import build
    from recsys.training.training import refit_on_all, test_candidates, train

    dataset = build(events, items)
    training = train(dataset, progress=lambda step, share: print(f"{share:4.0%} {step}", file=sys.stderr))
    test: Any = test_candidates(training.model, training.folds.test)
    if "test_dataset" in signature(refit_on_all).parameters:  # earlier commits took the candidates
        test = test.dataset(seed=training.plan.seed)
    return refit_on_all(training, dataset, test, manifest={})


def placements() -> dict[str, Any]:
    """Return the default placements, as the demo shop sets them."""
    from importlib import import_module

    from demo.datasets.simulated import REST_DAYS
    from personalization.models import Placement
    from personalization.selectors.placements import config_of

    defaults = import_module("personalization.migrations.0002_default_placements")
    rows = [{"fallback": defaults.FILL, **row} for row in defaults.DEFAULTS]
    rows = [{**row, "rest_days": REST_DAYS} if row["key"] == "home" else row for row in rows]
    return {row["key"]: config_of(Placement(**row)) for row in rows}


def pages(
    snapshot: Any, questions: Sequence[Mapping[str, Any]], own_events: Mapping[str, pd.DataFrame]
) -> Iterator[dict[str, list[dict[str, str]]]]:
    """Yield the page of each question, asked as the shop's page asks: three placements in one call."""
    from common import clock
    from personalization.services import recommend
    from personalization.serving.asking import Ask, Who

    page: Any = recommend  # what it imports is replaced: no stores run here
    page.exposures.note = lambda event: None
    slots = {
        name: page.Slot(Ask(placement=name, who=Who(user_id="-"), limit=PLACES, explores=False), 60_000)
        for name in SHELVES
    }
    for question in questions:
        now = datetime.fromtimestamp(question["at"], UTC)
        current = snapshot.at(now, placements=snapshot.placements)
        own = own_events[question["user"]]
        shopper = shopper_of(current, own[own["timestamp"] < question["at"]], question["at"])
        with (
            mock.patch.object(clock, "now", return_value=now),
            mock.patch.object(page.snapshot_refresher, "current", return_value=current),
            mock.patch.object(page, "read_shopper", return_value=shopper),
        ):
            answers = page.recommend_page(slots)
        yield {
            name: [{"product": item.product_id, "reason": item.reason.text} for item in one.items]
            for name, one in answers.items()
        }


def shopper_of(snapshot: Any, own: pd.DataFrame, now: float) -> Any:
    """Return the shopper as serving would read them from these events."""
    from events.types.base import Interaction
    from personalization.serving.shoppers import Shopper, nobody, profile_of
    from recsys.data.opinions import opinions_of, without_disliked

    codes = snapshot.serving_catalog.codes
    history = [
        (codes[row.item_id], Interaction("m", int(row.timestamp * 1e6), row.event, row.item_id, value=row.value))
        for row in own.itertuples()
    ]
    if not history:
        return nobody(now, "no_profile")
    profile = profile_of(history, weights=snapshot.weights, now=now)
    opinions = opinions_of(profile, use_stars=snapshot.bundle.ratings_differ)
    profile = without_disliked(profile, opinions)
    latest: dict[int, str] = {}
    for code, one in history:
        latest.pop(code, None)
        latest[code] = one.signal
    disliked = set(opinions.disliked.tolist())
    latest = {code: signal for code, signal in latest.items() if code not in disliked}
    return Shopper(profile, personal=True, latest=latest, opinions=opinions)


def report(questions: Sequence[Mapping[str, Any]], pages: Mapping[str, list[dict[str, list[dict[str, str]]]]]) -> None:
    """Print hit rates, places and repeats of both trees beside each other."""
    from recsys.metrics.intervals import bootstrap

    shoppers = np.unique([one["user"] for one in questions], return_inverse=True)[1]
    print(f"{len(questions)} visits with an order, of {len(set(shoppers))} shoppers")
    for name, shelves in {"whole page": SHELVES, **{name: (name,) for name in SHELVES}}.items():
        hits = {tree: np.array([hit(page, shelves, one) for page, one in zip(own, questions, strict=True)], float)
                for tree, own in pages.items()}  # fmt: skip
        places = {tree: np.mean([len(products_of(page, shelves)) for page in own]) for tree, own in pages.items()}
        gap = bootstrap(hits["now"] - hits["before"], shoppers=shoppers)
        print(
            f"{name:11} HR@10 before {hits['before'].mean():.4f}  now {hits['now'].mean():.4f}"
            f"  difference {gap.value:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]"
            f"  products shown before {places['before']:.1f}  now {places['now']:.1f}"
        )
    for tree, own in pages.items():
        repeats = sum(len(products_of(page, SHELVES)) - len(set(products_of(page, SHELVES))) for page in own)
        own_reasons = [item["reason"].startswith("You ") for page in own for item in page["home"]]
        print(f"{tree:6} repeated products {repeats}, own products on home {np.mean(own_reasons):.1%} of its places")


def products_of(page: Mapping[str, list[dict[str, str]]], shelves: Sequence[str]) -> list[str]:
    """Return the products of the shelves of a page."""
    return [item["product"] for name in shelves for item in page[name]]


def hit(page: Mapping[str, list[dict[str, str]]], shelves: Sequence[str], question: Mapping[str, Any]) -> bool:
    """Return whether a shelf shows a product of the order."""
    return not set(products_of(page, shelves)).isdisjoint(question["targets"])


if __name__ == "__main__":
    sys.exit(main())
