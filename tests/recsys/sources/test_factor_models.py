"""What factor models learn of: the items most held, where a catalog is large."""

import numpy as np
import pytest

from recsys.data.dataset import build
from recsys.data.profile import Context
from recsys.sources import als, nmf
from recsys.sources.als import ALS, ALSConfig
from recsys.sources.factors import Factors
from recsys.sources.nmf import NMF, NMFConfig
from tests.recsys import shops
from tests.recsys.shop_history import history, products


def test_nmf_stops_where_epochs_change_little_but_not_before() -> None:
    rows = build(history(shoppers=20), products())

    short, long, longer = (
        NMF(NMFConfig(factors=4, epochs=epochs)).fit(rows.interactions, rows.catalog).arrays["vectors"]
        for epochs in (3, 60, 600)
    )

    assert (long == longer).all()
    assert not (short == long).all()


@pytest.mark.parametrize(
    ("model", "module"), [(ALS(ALSConfig(factors=4)), als), (NMF(NMFConfig(factors=4)), nmf)], ids=("als", "nmf")
)
def test_items_that_few_hold_get_no_vector_in_a_large_catalog(
    monkeypatch: pytest.MonkeyPatch, model: Factors, module: object
) -> None:
    rows = [(user, item) for user in range(6) for item in range(12) if user % 2 == item % 2 and (item < 8 or user == 0)]
    data = shops.interactions([(user, item, 1.0 + item, "view") for user, item in rows], n_users=6)
    model.fit(data, shops.catalog(13))
    assert [model.knows(item) for item in range(13)] == [item not in (9, 11, 12) for item in range(13)]

    monkeypatch.setattr(module, "MAX_TRAINED_ITEMS", 6)
    model.fit(data, shops.catalog(13))

    assert [model.knows(item) for item in range(13)] == [item < 6 for item in range(13)]
    scores = model.scores(shops.profile(data, 0), Context())
    assert np.isfinite(scores).all()
    assert set(np.flatnonzero(scores > scores.max() / 2)) <= {0, 2, 4}
    (many,) = model.scores_many([shops.profile(data, 0)], [Context()])
    assert many == pytest.approx(scores, abs=1e-6)
    unknown = shops.interactions([(0, 10, 1.0, "view")], n_users=1)
    assert not model.scores(shops.profile(unknown, 0), Context()).any()


def test_nmf_answers_in_the_units_of_what_was_taken() -> None:
    rows = [(user, item) for user in range(40) for item in (0, 1) if user % 4 or item == 0] + [(40, 0), (40, 1)]
    data = shops.interactions([(user, item, 1.0 + user, "view") for user, item in rows], n_users=41)

    def share(power: float) -> float:
        model = NMF(NMFConfig(factors=2, epochs=300, popularity_power=power)).fit(data, shops.catalog(2))
        zero, one = model.scores(shops.profile(data, 40), Context())
        return float(one / zero)

    assert share(0.6) == pytest.approx(share(0.0), abs=0.15)
