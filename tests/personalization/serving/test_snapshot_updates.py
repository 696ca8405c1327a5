"""Updates of the snapshot: a changed price or stock needs no rebuild, even in a shop of 200,000 products."""

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

from catalog import frames
from catalog.records import ProductRow
from catalog.selectors import catalog_rows
from catalog.services import put_product, remove_product
from common import clock
from config.env import ROOT
from modelops.services.registry import promote, roll_back
from personalization.serving import serving_catalog, snapshot_refresher
from personalization.serving.serving_catalog import ServingCatalog
from personalization.serving.snapshot import Snapshot
from personalization.serving.snapshot_refresher import SnapshotRefresher
from recsys.data.catalog import Catalog
from recsys.ranking import extension, text_similarity
from recsys.ranking.text_similarity import TextSimilarity
from tests.modelops.releases import passed_version
from tests.recsys.furniture import PRODUCTS, model

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("live_model")]
SOFA = {"title": "Oak sofa", "category": ["Furniture"], "brand": "Nord", "price": "900.00", "currency": "EUR"}


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list with one entry per rebuild of a snapshot."""
    counter: list[int] = []
    build = Snapshot.build

    def counting_build(**parts: Any) -> Snapshot:
        counter.append(1)
        return build(**parts)

    monkeypatch.setattr(Snapshot, "build", counting_build)
    return counter


def change(product_id: str, **fields: Any) -> None:
    """Change some fields of a product."""
    row = next(one for one in catalog_rows() if one.product_id == product_id)
    names = ("title", "description", "brand", "price", "currency", "stock", "active", "group_id", "attributes")
    data = {name: getattr(row, name) for name in names} | {"category": list(row.category)}
    put_product(product_id, data={**data, **fields}, actor="key:test")


@pytest.mark.parametrize(
    "fields",
    [{"stock": 0}, {"price": "12.00"}, {"active": False}, {"available_from": "2099-01-01T00:00:00Z"},
     {"title": "Rug, woven"}, {"brand": "Lux"}, {"category": ["Textiles", "Rugs"]}, {"group_id": "chair"}],
    ids=str,
)  # fmt: skip
def test_update_with_changed_product_equals_rebuild(fields: dict[str, Any], builds: list[int]) -> None:
    refresher = SnapshotRefresher()
    first = refresher.current()
    _ = first.serving_catalog.kinship, first.serving_catalog.newest, first.onboarding_cache.space
    builds.clear()

    change("rug", **fields)
    updated = refresher.current()

    assert builds == []
    other = SnapshotRefresher()
    rebuilt = other.current()
    assert same(updated, rebuilt)
    assert updated.serving_catalog.kinship is first.serving_catalog.kinship


def same(one: Snapshot, other: Snapshot) -> bool:
    """Return whether both hold the same products with the same values, in the same order."""
    assert one.serving_catalog.rows == other.serving_catalog.rows
    pairs = [
        (getattr(one.serving_catalog.columns, name), getattr(other.serving_catalog.columns, name))
        for name in ("prices", "stocks", "group_of")
    ]
    pairs += [
        (getattr(one.serving_catalog, name), getattr(other.serving_catalog, name))
        for name in ("order", "first_seen", "by_id")
    ]
    pairs += [
        (one.on_sale, other.on_sale),
        (one.popular, other.popular),
        (one.onboarding_cache.pool, other.onboarding_cache.pool),
    ]
    pairs += list(zip(one.serving_catalog.newest, other.serving_catalog.newest, strict=True))
    assert all(np.array_equal(first, second, equal_nan=first.dtype.kind == "f") for first, second in pairs)
    for names, codes in (("brands", "brand_of"), ("categories", "category_of")):
        names_by_item = [
            [getattr(shelf.columns, names)[code] for code in getattr(shelf.columns, codes)]
            for shelf in (one.serving_catalog, other.serving_catalog)
        ]
        assert names_by_item[0] == names_by_item[1]
    return True


def test_update_with_several_changes_and_a_removal_equals_rebuild(builds: list[int]) -> None:
    refresher = SnapshotRefresher()
    refresher.current()
    builds.clear()

    remove_product("mug", actor="key:test")
    for product_id, stock in (("rug", 0), ("desk", 3), ("chair", None)):
        change(product_id, stock=stock)

    assert (same(refresher.current(), SnapshotRefresher().current()), len(builds)) == (True, 1)


def test_new_product_and_its_changed_text_cause_rebuild(builds: list[int]) -> None:
    refresher = SnapshotRefresher()
    refresher.current()
    builds.clear()

    put_product("sofa", data=SOFA, actor="key:test")
    refresher.current()
    assert len(builds) == 1

    put_product("sofa", data={**SOFA, "stock": 2}, actor="key:test")
    refresher.current()
    assert len(builds) == 1

    put_product("sofa", data={**SOFA, "title": "Oak bench"}, actor="key:test")
    snapshot = refresher.current()
    assert len(builds) == 2
    assert snapshot.serving_catalog.title(snapshot.serving_catalog.codes["sofa"]) == "Oak bench"


def test_rebuild_reads_only_new_products(monkeypatch: pytest.MonkeyPatch, builds: list[int]) -> None:
    refresher, texts_read, prices_read = SnapshotRefresher(), list[str](), list[str]()
    _ = refresher.current().serving_catalog.kinship
    words, price = text_similarity.tokens, frames.price_of

    def counting_words(catalog: Catalog, code: int) -> Iterator[str]:
        texts_read.append(catalog.item_ids[code])
        return words(catalog, code)

    def counting_price_of(row: ProductRow) -> float:
        prices_read.append(row.product_id)
        return price(row)

    monkeypatch.setattr(text_similarity, "tokens", counting_words)
    for reader in (frames, serving_catalog):
        monkeypatch.setattr(reader, "price_of", counting_price_of)
    builds.clear()

    put_product("sofa", data=SOFA, actor="key:test")
    refresher.current()
    second = passed_version(model(("popular", "content")))
    promote(second, actor="staff:1")
    assert refresher.current().model_version == second
    roll_back(actor="staff:1")
    snapshot = refresher.current()

    assert (len(builds), set(texts_read), set(prices_read), len(texts_read)) == (3, {"sofa"}, {"sofa"}, 1)
    monkeypatch.undo()
    assert same(snapshot, SnapshotRefresher().current())


def test_removed_products_do_not_use_up_the_limit_of_compared_pairs(
    monkeypatch: pytest.MonkeyPatch, builds: list[int]
) -> None:
    promote(passed_version(model(("popular", "content"))), actor="staff:1")
    old = [f"old-{number}" for number in range(20)]
    for product_id in ("sofa", *old):
        put_product(product_id, data=SOFA, actor="key:test")
    for product_id in old:
        remove_product(product_id, actor="key:test")
    monkeypatch.setattr(extension, "MAX_PAIRS", 5 * len(PRODUCTS))

    refresher = SnapshotRefresher()
    snapshot = refresher.current()
    assert snapshot.bundle is not None
    content, sofa = snapshot.bundle.sources["content"], snapshot.serving_catalog.codes["sofa"]
    assert (content.n_items, sofa) == (len(PRODUCTS) + 1, len(PRODUCTS))
    assert (
        snapshot.serving_catalog.title(snapshot.serving_catalog.codes["old-7"]) == "Oak sofa"
    )  # history still names it

    builds.clear()
    remove_product("sofa", actor="key:test")
    assert same(refresher.current(), SnapshotRefresher().current())
    put_product("old-7", data=SOFA, actor="key:test")
    assert same(refresher.current(), SnapshotRefresher().current())
    assert len(builds) == 4


def test_refresh_without_changes_keeps_the_serving_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    refresher = SnapshotRefresher()
    before = refresher.current()
    monkeypatch.setattr(TextSimilarity, "of", None)
    monkeypatch.setattr(ServingCatalog, "of", None)

    after = refresher.current()

    assert after.serving_catalog is before.serving_catalog
    assert np.array_equal(after.on_sale, after.serving_catalog.on_sale(clock.now()))


def test_onboarding_asks_about_products_once_available(monkeypatch: pytest.MonkeyPatch) -> None:
    change("rug", available_from=(clock.now() + timedelta(hours=1)).isoformat())
    refresher = SnapshotRefresher()
    assert refresher.current().serving_catalog.codes["rug"] not in refresher.current().onboarding_cache.pool

    later = clock.now() + timedelta(hours=2)
    monkeypatch.setattr(clock, "now", lambda: later)

    assert same(refresher.current(), SnapshotRefresher().current())


def test_update_tolerates_a_concurrent_cached_property() -> None:
    class Growing(dict[str, Any]):
        """The cached properties of a serving catalog; another one is added during the iteration."""

        def items(self) -> Any:
            for pair in super().items():
                yield pair
                self["newest"] = None

    refresher = SnapshotRefresher()
    catalog = refresher.current().serving_catalog
    object.__setattr__(catalog, "__dict__", Growing(vars(catalog)))
    vars(catalog).pop("newest", None)

    change("rug", stock=0)

    assert same(refresher.current(), SnapshotRefresher().current())


def test_worker_loads_before_the_first_request(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SERVING_REFRESH = "background"
    thread_started, may_finish = threading.Event(), threading.Event()

    def run(_: SnapshotRefresher) -> None:
        thread_started.set()
        may_finish.wait(60)

    monkeypatch.setattr(SnapshotRefresher, "_run", run)
    refresher = SnapshotRefresher()
    loading_states = [refresher.loading]  # not started: nothing is loading

    refresher.begin()
    refresher.begin()
    assert thread_started.wait(60)
    loading_states.append(refresher.loading)
    refresher.refresh(force=True)
    loading_states.append(refresher.loading)

    assert loading_states == [False, True, False]
    may_finish.set()


def test_garbage_collection_is_frozen_once_per_process(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SERVING_REFRESH = "background"
    freezes: list[int] = []
    monkeypatch.setattr(snapshot_refresher, "freeze_garbage_collection", lambda: freezes.append(1))
    refresher = SnapshotRefresher()

    for title in ("Oak sofa", "Oak couch"):
        put_product("sofa", data={**SOFA, "title": title}, actor="key:test")
        refresher.refresh(force=True)

    assert freezes == [1]


def test_old_snapshot_is_freed_without_garbage_collection() -> None:
    """So is its model, unless it is the roll-back target."""
    refresher = SnapshotRefresher()
    snapshot = refresher.current()
    _ = snapshot.serving_catalog.kinship, snapshot.onboarding_cache.space, snapshot.serving_catalog.newest
    references = [
        weakref.ref(one)
        for one in (snapshot, snapshot.bundle, snapshot.serving_catalog, snapshot.onboarding_cache, snapshot.rules)
    ]
    del snapshot
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        promote(passed_version(model(("popular", "content"))), actor="staff:1")
        refresher.current()
        bundle = references.pop(1)()
        assert [one() for one in references] == [None] * len(references)
        references = [weakref.ref(bundle)]
        del bundle

        promote(passed_version(model(("popular", "trending"))), actor="staff:1")
        refresher.current()
        assert references[0]() is None
    finally:
        gc.unfreeze()
        gc.enable()


def test_snapshot_benchmark_prints_every_step() -> None:
    size = ("--products", "400", "--interactions", "4000", "--neighbors", "5", "--rounds", "1")
    command = [sys.executable, "-m", "bench.snapshot", *size]

    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)

    assert process.returncode == 0, process.stderr
    steps = ("first snapshot", "a stock", "a new product", "another version")
    assert all(f"{step} " in process.stdout for step in steps)
