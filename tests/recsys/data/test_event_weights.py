"""What an event counts is the shop's to say: by default as ever, in evaluations as in trainings."""

import pandas as pd

from recsys.data.dataset import build, fingerprint
from recsys.data.event_weights import SIGNAL_WEIGHTS
from recsys.data.signals import SIGNAL_NAMES
from tests.recsys.furniture import history


def test_every_signal_has_a_weight() -> None:
    assert tuple(SIGNAL_WEIGHTS) == SIGNAL_NAMES
    assert build(history()).weights == SIGNAL_WEIGHTS


def test_a_shops_own_weight_counts_and_the_others_stay() -> None:
    rows = history().assign(event=["view", "purchase", "cart"] * 40)

    own = build(rows, weights={"purchase": 2.5})

    assert own.interactions.weights[:3].tolist() == [1.0, 2.5, 3.0]
    assert own.weights == {**SIGNAL_WEIGHTS, "purchase": 2.5}


def test_only_another_weight_makes_other_data() -> None:
    assert fingerprint(build(history(), weights={"purchase": 4.0})) == fingerprint(build(history()))
    assert fingerprint(build(history(), weights={"purchase": 3.0})) != fingerprint(build(history()))
    assert fingerprint(build(history(), explicit_ratings=True)) != fingerprint(build(history()))


def test_the_fingerprint_tells_of_products_too() -> None:
    shop = pd.DataFrame({"item_id": history()["item_id"].unique()}).assign(price=1.0)

    assert fingerprint(build(history(), shop)) == fingerprint(build(history(), shop.copy()))
    assert fingerprint(build(history(), shop.assign(price=2.0))) != fingerprint(build(history(), shop))
