"""Removed products are not shown, but their interactions stay in the training data."""

import numpy as np
import pytest

from catalog.services import put_product, remove_product
from common import clock
from modelops.services.shop_data import shop_dataset
from recsys.data.data_checks import checked, data_profile, failed
from recsys.evaluation.model_checks.slate_table import JudgedShelf
from recsys.evaluation.pipeline import fingerprint
from tests.events.builders import START
from tests.modelops.purchases import bought, put
from tests.recsys.furniture import PRODUCTS

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stocked_shop")]


def test_training_keeps_removed_products_with_interactions() -> None:
    put([bought("m1", 1, "rug", START), bought("m2", 1, "chair", START + 1_000_000)])
    remove_product("rug", actor="key:test")
    remove_product("bowl", actor="key:test")

    catalogue = shop_dataset().catalogue

    assert "bowl" not in catalogue.item_ids, "nobody had it: nothing is to be learnt"
    rug = catalogue.item_ids.index("rug")
    values = (catalogue.titles[rug], catalogue.categories[rug], catalogue.brands[rug])
    assert values == ("Wool rug", "Textiles", "Weft")


def test_evaluation_counts_product_until_its_removal() -> None:
    put([bought("m1", 1, "rug", START), bought("m2", 1, "chair", START + 1_000_000)])
    before, data_hash = clock.now().timestamp(), fingerprint(shop_dataset())
    remove_product("rug", actor="key:test")

    dataset = shop_dataset()
    rug = dataset.catalogue.item_ids.index("rug")
    then, now = (
        JudgedShelf.of(dataset.catalogue, popularity=np.ones(dataset.catalogue.n_items), cut=cut)
        for cut in (before, clock.now().timestamp())
    )

    assert [bool(shelf.of_listed(np.arange(shelf.n_items) == rug).any()) for shelf in (then, now)] == [True, False]
    assert now.absent == then.absent + 1
    assert (then.supplier[rug] >= 0, int(now.supplier[rug]), bool(now.new[rug])) == (True, -1, False)
    assert fingerprint(dataset) == data_hash, "no training learns from it"


def test_reimport_under_other_ids_is_no_broken_feed() -> None:
    put([bought(f"m{at}", at, name, START + at * 1_000_000) for at, name in enumerate(PRODUCTS)])
    last = data_profile(shop_dataset())
    for name, product in PRODUCTS.items():
        put_product(f"new-{name}", data={"currency": "EUR", **product}, actor="key:test")
        remove_product(name, actor="key:test")

    assert failed(checked(shop_dataset(), last=last), "refuses") == []
