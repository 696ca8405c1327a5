"""Removed products are not shown, but their interactions stay in the training data."""

import numpy as np
import pytest

from catalog.services import put_product, remove_product
from common import clock
from modelops.services.shop_data import shop_dataset
from recsys.data.data_checks import check_dataset, data_profile, failed
from recsys.data.dataset import fingerprint
from recsys.evaluation.model_checks.slate_table import CatalogView
from tests.events.builders import START
from tests.modelops.purchases import bought, put
from tests.recsys.furniture import PRODUCTS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stocked_shop")]


def test_training_keeps_removed_products_with_interactions() -> None:
    put([bought("m1", 1, "rug", START), bought("m2", 1, "chair", START + 1_000_000)])
    remove_product("rug", actor="key:test")
    remove_product("bowl", actor="key:test")

    catalog = shop_dataset().catalog

    assert "bowl" not in catalog.item_ids, "nobody had it: nothing is to be learnt"
    rug = catalog.item_ids.index("rug")
    values = (catalog.titles[rug], catalog.categories[rug], catalog.brands[rug])
    assert values == ("Wool rug", "Textiles", "Weft")


def test_evaluation_counts_product_until_its_removal() -> None:
    put([bought("m1", 1, "rug", START), bought("m2", 1, "chair", START + 1_000_000)])
    before, data_hash = clock.now().timestamp(), fingerprint(shop_dataset())
    remove_product("rug", actor="key:test")

    dataset = shop_dataset()
    rug = dataset.catalog.item_ids.index("rug")
    then, now = (
        CatalogView.of(dataset.catalog, popularity=np.ones(dataset.catalog.n_items), cut=cut)
        for cut in (before, clock.now().timestamp())
    )

    assert [bool(shelf.listed_exposure(np.arange(shelf.n_items) == rug).any()) for shelf in (then, now)] == [
        True,
        False,
    ]
    assert now.n_absent == then.n_absent + 1
    assert (then.supplier[rug] >= 0, int(now.supplier[rug]), bool(now.new[rug])) == (True, -1, False)
    assert fingerprint(dataset) == data_hash, "no training learns from it"


def test_reimport_under_other_ids_is_no_broken_feed() -> None:
    put([bought(f"m{at}", at, name, START + at * 1_000_000) for at, name in enumerate(PRODUCTS)])
    last = data_profile(shop_dataset())
    for name, product in PRODUCTS.items():
        put_product(f"new-{name}", data={"currency": "EUR", **product}, actor="key:test")
        remove_product(name, actor="key:test")

    assert failed(check_dataset(shop_dataset(), last=last), "refuses") == []
