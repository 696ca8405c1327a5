"""In a shop of 200,000 products a price or a stock changes every second: the next state is not made from the start."""

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from catalog import frames as products
from catalog.records import ProductRow
from catalog.selectors import catalog_rows
from catalog.services import put_product, remove_product
from common import clock
from config.env import ROOT
from modelops.services.registry import promote, roll_back
from personalization.serving import serving_catalog as shelf
from personalization.serving import snapshot_refresher as keeper
from personalization.serving.serving_catalog import Shelf
from personalization.serving.snapshot import Snapshot
from personalization.serving.snapshot_refresher import Keeper
from recsys.data.catalogue import Catalogue
from recsys.ranking import extension
from recsys.ranking import text_similarity as kinship
from recsys.ranking.text_similarity import TextSimilarity
from tests.modelops.releases import admitted
from tests.recsys.furniture import PRODUCTS, model

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("trained")]
SOFA = {"title": "Oak sofa", "category": ["Furniture"], "brand": "Nord", "price": "900.00", "currency": "EUR"}


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that grows with every snapshot made from the start."""
    made: list[int] = []
    build = Snapshot.build

    def counted(**parts: Any) -> Snapshot:
        made.append(1)
        return build(**parts)

    monkeypatch.setattr(Snapshot, "build", counted)
    return made


def change(product_id: str, **fields: Any) -> None:
    """Put a product again with some fields changed."""
    row = next(one for one in catalog_rows() if one.product_id == product_id)
    kept = ("title", "description", "brand", "price", "currency", "stock", "active", "group_id", "attributes")
    stated = {name: getattr(row, name) for name in kept} | {"category": list(row.category)}
    put_product(product_id, data={**stated, **fields}, actor="key:test")


@pytest.mark.parametrize(
    "fields",
    [{"stock": 0}, {"price": "12.00"}, {"active": False}, {"available_from": "2099-01-01T00:00:00Z"},
     {"title": "Rug, woven"}, {"brand": "Lux"}, {"category": ["Textiles", "Rugs"]}, {"group_id": "chair"}],
    ids=str,
)  # fmt: skip
def test_a_changed_product_is_in_the_next_state_which_is_as_one_made_anew(
    fields: dict[str, Any], built: list[int]
) -> None:
    own = Keeper()
    first = own.current()
    _ = first.shelf.kinship, first.shelf.newest, first.survey.space
    built.clear()

    change("rug", **fields)
    followed = own.current()

    assert built == []
    other = Keeper()
    anew = other.current()
    assert same(followed, anew)
    assert followed.shelf.kinship is first.shelf.kinship


def same(one: Snapshot, other: Snapshot) -> bool:
    """Return whether both know the same products, the same of each, in the same order."""
    assert one.shelf.rows == other.shelf.rows
    pairs = [
        (getattr(one.shelf.columns, name), getattr(other.shelf.columns, name))
        for name in ("prices", "stocks", "group_of")
    ]
    pairs += [(getattr(one.shelf, name), getattr(other.shelf, name)) for name in ("order", "born", "by_id")]
    pairs += [(one.on_sale, other.on_sale), (one.popular, other.popular), (one.survey.pool, other.survey.pool)]
    pairs += list(zip(one.shelf.newest, other.shelf.newest, strict=True))
    assert all(np.array_equal(own, others, equal_nan=own.dtype.kind == "f") for own, others in pairs)
    for names, codes in (("brands", "brand_of"), ("categories", "category_of")):
        spelled = [
            [getattr(shelf.columns, names)[code] for code in getattr(shelf.columns, codes)]
            for shelf in (one.shelf, other.shelf)
        ]
        assert spelled[0] == spelled[1]
    return True


def test_many_changes_at_once_and_a_removed_product_too(built: list[int]) -> None:
    own = Keeper()
    own.current()
    built.clear()

    remove_product("mug", actor="key:test")
    for product_id, stock in (("rug", 0), ("desk", 3), ("chair", None)):
        change(product_id, stock=stock)

    assert (same(own.current(), Keeper().current()), len(built)) == (True, 1)


def test_a_product_no_model_knows_is_made_anew_when_it_comes_and_when_its_words_change(built: list[int]) -> None:
    own = Keeper()
    own.current()
    built.clear()

    put_product("sofa", data=SOFA, actor="key:test")
    own.current()
    assert len(built) == 1

    put_product("sofa", data={**SOFA, "stock": 2}, actor="key:test")
    own.current()
    assert len(built) == 1

    put_product("sofa", data={**SOFA, "title": "Oak bench"}, actor="key:test")
    snapshot = own.current()
    assert len(built) == 2
    assert snapshot.shelf.title(snapshot.shelf.codes["sofa"]) == "Oak bench"


def test_a_new_product_and_another_model_have_nobody_look_at_what_was_looked_at(
    monkeypatch: pytest.MonkeyPatch, built: list[int]
) -> None:
    own, read, priced = Keeper(), list[str](), list[str]()
    _ = own.current().shelf.kinship
    words, price = kinship.words, products.price_of

    def reading(catalogue: Catalogue, code: int) -> Iterator[str]:
        read.append(catalogue.item_ids[code])
        return words(catalogue, code)

    def pricing(row: ProductRow) -> float:
        priced.append(row.product_id)
        return price(row)

    monkeypatch.setattr(kinship, "words", reading)
    for reader in (products, shelf):
        monkeypatch.setattr(reader, "price_of", pricing)
    built.clear()

    put_product("sofa", data=SOFA, actor="key:test")
    own.current()
    second = admitted(model(("popular", "content")))
    promote(second, actor="staff:1")
    assert own.current().model_version == second
    roll_back(actor="staff:1")
    snapshot = own.current()

    assert (len(built), set(read), set(priced), len(read)) == (3, {"sofa"}, {"sofa"}, 1)
    monkeypatch.undo()
    assert same(snapshot, Keeper().current())


def test_years_of_removed_products_do_not_keep_new_ones_from_being_compared(
    monkeypatch: pytest.MonkeyPatch, built: list[int]
) -> None:
    promote(admitted(model(("popular", "content"))), actor="staff:1")
    old = [f"old-{number}" for number in range(20)]
    for product_id in ("sofa", *old):
        put_product(product_id, data=SOFA, actor="key:test")
    for product_id in old:
        remove_product(product_id, actor="key:test")
    monkeypatch.setattr(extension, "MOST_PAIRS", 5 * len(PRODUCTS))

    own = Keeper()
    snapshot = own.current()
    assert snapshot.bundle is not None
    content, sofa = snapshot.bundle.sources["content"], snapshot.shelf.codes["sofa"]
    assert (content.n_items, sofa) == (len(PRODUCTS) + 1, len(PRODUCTS))
    assert snapshot.shelf.title(snapshot.shelf.codes["old-7"]) == "Oak sofa"  # history still names it

    built.clear()
    remove_product("sofa", actor="key:test")
    assert same(own.current(), Keeper().current())
    put_product("old-7", data=SOFA, actor="key:test")
    assert same(own.current(), Keeper().current())
    assert len(built) == 4


def test_without_changes_nothing_is_asked_of_every_product(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Keeper()
    before = own.current()
    monkeypatch.setattr(TextSimilarity, "of", None)
    monkeypatch.setattr(Shelf, "of", None)

    after = own.current()

    assert after.shelf is before.shelf
    assert np.array_equal(after.on_sale, after.shelf.on_sale(clock.now()))


def test_what_is_available_since_a_moment_ago_may_be_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    change("rug", available_from=(clock.now() + timedelta(hours=1)).isoformat())
    own = Keeper()
    assert own.current().shelf.codes["rug"] not in own.current().survey.pool

    later = clock.now() + timedelta(hours=2)
    monkeypatch.setattr(clock, "now", lambda: later)

    assert same(own.current(), Keeper().current())


def test_a_request_that_needs_something_for_the_first_time_does_not_disturb_what_follows() -> None:
    class Growing(dict[str, Any]):
        """What a shelf has made so far, to which a request adds while it is looked through."""

        def items(self) -> Any:
            for pair in super().items():
                yield pair
                self["newest"] = None

    own = Keeper()
    shelf = own.current().shelf
    object.__setattr__(shelf, "__dict__", Growing(vars(shelf)))
    vars(shelf).pop("newest", None)

    change("rug", stock=0)

    assert same(own.current(), Keeper().current())


def test_a_worker_loads_before_it_is_asked(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SERVING_REFRESH = "background"
    begun, loaded = threading.Event(), threading.Event()

    def run(_: Keeper) -> None:
        begun.set()
        loaded.wait(60)

    monkeypatch.setattr(Keeper, "_run", run)
    own = Keeper()
    seen = [own.loading]  # nobody waits for a process that loads nothing

    own.begin()
    own.begin()
    assert begun.wait(60)
    seen.append(own.loading)
    own.refresh(force=True)
    seen.append(own.loading)

    assert seen == [False, True, False]
    loaded.set()


def test_the_collector_looks_through_the_shop_once_in_a_process(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SERVING_REFRESH = "background"
    settled: list[int] = []
    monkeypatch.setattr(keeper, "settle", lambda: settled.append(1))
    own = Keeper()

    for title in ("Oak sofa", "Oak couch"):
        put_product("sofa", data={**SOFA, "title": title}, actor="key:test")
        own.refresh(force=True)

    assert settled == [1]


def test_a_former_state_is_freed_without_the_collector() -> None:
    """Its model too, but not while a roll-back leads to it."""
    own = Keeper()
    snapshot = own.current()
    _ = snapshot.shelf.kinship, snapshot.survey.space, snapshot.shelf.newest
    former = [weakref.ref(one) for one in (snapshot, snapshot.bundle, snapshot.shelf, snapshot.survey, snapshot.rules)]
    del snapshot
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        promote(admitted(model(("popular", "content"))), actor="staff:1")
        own.current()
        ready = former.pop(1)()
        assert [one() for one in former] == [None] * len(former)
        former = [weakref.ref(ready)]
        del ready

        promote(admitted(model(("popular", "trending"))), actor="staff:1")
        own.current()
        assert former[0]() is None
    finally:
        gc.unfreeze()
        gc.enable()


def measured(name: str, *more: str) -> str:
    """Return what a benchmark prints of a small shop."""
    size = ("--products", "400", "--interactions", "4000", "--neighbors", "5", "--rounds", "1")
    command = [sys.executable, "-m", f"bench.{name}", *size, *more]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_a_worker_waits_for_is_measured() -> None:
    told = measured("snapshot")

    assert all(f"{step} " in told for step in ("first snapshot", "a stock", "a new product", "another version"))


@pytest.mark.slow
def test_how_long_a_roll_back_takes_in_every_worker_is_measured() -> None:
    told = measured("roll_back", "--rest", "0").splitlines()

    assert [line.split(" written in ")[0].strip() for line in told] == ["promote", "roll back"]
