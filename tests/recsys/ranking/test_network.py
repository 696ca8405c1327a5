"""The ranker's network: it learns what counts, whatever the scale of a feature and wherever one is unknown."""

import numpy as np
import pytest

from recsys.ranking.network import Network

N = 6_000


def training_set() -> tuple[np.ndarray, np.ndarray]:
    """Return one useful feature on a mad scale, unknown at times, which is bad; noise; a constant; one never known."""
    rng = np.random.default_rng(7)
    useful = rng.normal(size=N)
    labels = (useful + 0.3 * rng.normal(size=N) > 0.8).astype(np.int32)
    features = np.stack([np.exp(4 * useful), rng.random(N), np.ones(N), np.full(N, np.nan)], axis=1)
    unknown = rng.random(N) < 0.1
    features[unknown, 0], labels[unknown] = np.nan, 0
    return features.astype(np.float32), labels


@pytest.fixture(scope="module")
def network() -> Network:
    return Network.fit(*training_set(), steps=350, seed=7)


def test_hits_come_before_misses_and_unknown_ones_last(network: Network) -> None:
    features, labels = training_set()

    scores = network.scores(features)

    hits, misses = scores[labels > 0], scores[labels == 0]
    assert (hits[:, None] > misses[None, :]).mean() > 0.95
    assert scores[np.isnan(features[:, 0])].mean() < scores[~np.isnan(features[:, 0])].mean()


def test_what_counts_has_the_largest_contribution(network: Network) -> None:
    shares = network.contributions(training_set()[0][:200])

    assert np.argmax(np.abs(shares[:, :4]).mean(axis=0)) == 0
    assert (shares[:, 3] == 0).all(), "what is never known says nothing"
    assert np.allclose(shares.sum(axis=1), network.scores(training_set()[0][:200]))


def test_features_that_never_differ_are_not_used(network: Network) -> None:
    assert network.used_features().tolist() == [True, True, False, False]


def test_values_beyond_all_that_was_seen_are_the_last_ones_seen(network: Network) -> None:
    features = np.repeat(training_set()[0][:1], 3, axis=0)
    features[:, 0] = np.nanmax(training_set()[0][:, 0]), 1e30, np.inf

    assert np.ptp(network.scores(features)) < 1e-5


def test_the_same_seed_gives_the_same_network(network: Network) -> None:
    assert Network.fit(*training_set(), steps=350, seed=7).text() == network.text()
    assert Network.parse(network.text()).text() == network.text()
