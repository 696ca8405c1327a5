"""SASRec: a small transformer that predicts the next item from the shopper's last items (extra [deep]).

Source: Kang, McAuley, "Self-attentive sequential recommendation", ICDM 2018. Here it is trained with sampled softmax,
corrected for sampling probabilities, with early stopping on a tenth of the sequences. A GPU is used if there is one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.profile import Context, Profile
from recsys.data.signals import REMOVE
from recsys.sources.base import Config
from recsys.sources.scoring import PlainReason, Scoring, SearchSpace, Use
from recsys.sources.storage import Arrays

BATCH_SIZE = 256
"""Shoppers per batch of predictions."""


@dataclass(frozen=True)
class SequenceNetConfig(Config):
    """`length` is the number of items of a sequence; training uses the newest `most_windows` sequences at most.

    Training stops after `patience` epochs without a gain on the validation tenth, at the latest after `epochs`. Good:
    64 factors, 2 layers, length 20–50, dropout .2–.4.
    """

    length: int = 30
    factors: int = 64
    layers: int = 2
    heads: int = 2
    dropout: float = 0.2
    epochs: int = 30
    patience: int = 2
    learning_rate: float = 0.003
    negatives: int = 512
    most_windows: int = 40_000


class SequenceNet(Scoring):
    """The next item after the last items, in their order."""

    name: ClassVar[str] = "sequence_net"
    use: ClassVar[Use] = "optional"
    plain_reason: ClassVar[PlainReason | None] = "predicted_rating"
    config_class: ClassVar[type[Config]] = SequenceNetConfig
    config: SequenceNetConfig
    personal: ClassVar[bool] = True
    contextual: ClassVar[bool] = True
    exact: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("torch",)
    SEARCH_SPACE: ClassVar[SearchSpace] = {
        "length": ("choice", [10, 20, 50]),
        "factors": ("choice", [32, 64, 128]),
        "dropout": ("float", 0.1, 0.5, False),
        "learning_rate": ("float", 0.0005, 0.01, True),
    }
    network: Any = None

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return the network's weights and which items had training data."""
        from recsys.sources import sequence_torch

        in_training = np.bincount(interactions.items, minlength=catalog.n_items) > 0
        weights = sequence_torch.train(windows(interactions, self.config), catalog.n_items, self.config)
        return {**weights, "in_training": in_training}

    def prepare(self) -> None:
        """Reset the network; it is built from the arrays on first use."""
        self.network = None

    def scores(self, profile: Profile, context: Context) -> Floats:
        """Return the logits of all items with training data; all 0 for a shopper without such items."""
        first: Floats = self.scores_many([profile], [context])[0]
        return first

    def scores_many(self, profiles: Sequence[Profile], contexts: Sequence[Context]) -> Floats:
        """Return `scores` of all profiles, in batches."""
        from recsys.sources import sequence_torch

        if self.network is None:
            self.network = sequence_torch.build(self.arrays, self.n_items, self.config)
        sequences = [self._sequence(profile, context) for profile, context in zip(profiles, contexts, strict=True)]
        scores = np.zeros((len(sequences), self.n_items), np.float32)
        nonempty = [row for row, items in enumerate(sequences) if len(items)]
        for start in range(0, len(nonempty), BATCH_SIZE):
            rows = nonempty[start : start + BATCH_SIZE]
            padded = np.stack([pad(sequences[row], self.config.length) for row in rows])
            scores[rows] = sequence_torch.logits(self.network, padded) * self.arrays["in_training"]
        return scores

    def knows(self, item: int) -> bool:
        """Return whether the item had training data."""
        return 0 <= item < self.n_items and bool(self.arrays["in_training"][item])

    def _sequence(self, profile: Profile, context: Context) -> Ints:
        mask = (profile.signals != REMOVE) & (profile.weights > 0)  # without removals from carts, without dislikes
        items = np.asarray(context.items, np.int32) if context.items else profile.items[mask]
        items = items[(items >= 0) & (items < self.n_items)]
        items_in_training: Ints = items[self.arrays["in_training"][items]]
        return items_in_training[-self.config.length :]


def windows(interactions: Interactions, config: SequenceNetConfig) -> Ints:
    """Return int32[n, length + 1]: the histories of all shoppers cut into sequences of item codes + 1, 0 as padding."""
    order = np.argsort(interactions.users, kind="stable")
    order = order[interactions.signals[order] != REMOVE]
    users, items = interactions.users[order], interactions.items[order]
    ends = np.flatnonzero(np.diff(users, append=-1) != 0) + 1 if len(users) else np.empty(0, np.int64)
    pieces, start = [], 0
    for end in ends.tolist():
        for stop in range(end, start + 1, -config.length):  # a sequence of one item has nothing to predict
            pieces.append((stop, pad(items[max(start, stop - config.length - 1) : stop], config.length + 1)))
        start = end
    newest = sorted(pieces, key=lambda piece: float(interactions.times[order[piece[0] - 1]]))[-config.most_windows :]
    return np.stack([row for _, row in newest]) if newest else np.empty((0, config.length + 1), np.int32)


def pad(items: Ints, length: int) -> Ints:
    """Return int32[length]: item codes + 1, padded with 0 in front."""
    row = np.zeros(length, np.int32)
    row[length - len(items) :] = items + 1
    return row
