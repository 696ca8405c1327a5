"""What makes a cluster different, in words. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from profiles.segments.online.clustering import Clustering
from profiles.segments.online.features import Feature, plain_value

MOST_DIFFERENCES: Final = 3
LEAST_DEVIATIONS: Final = 0.3
"""A feature nearer to the mean than this makes no difference."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One feature of a cluster: its mean, the mean of all, and the distance in standard deviations."""

    feature: Feature
    mean: float
    overall: float
    deviations: float

    @property
    def phrase(self) -> str:
        """Return the shoppers in a few words."""
        return self.feature.high if self.deviations > 0 else self.feature.low

    @property
    def sentence(self) -> str:
        """Return feature and numbers, in the scale that people read."""
        mean, overall = (plain_value(self.feature, number) for number in (self.mean, self.overall))
        return f"{self.feature.title} {_number(mean)} (all: {_number(overall)})"


def differences(clustering: Clustering) -> list[list[Difference]]:
    """Return for each cluster its features, the most different first."""
    centers = clustering.centers()
    standard = clustering.scale.standardized(centers)
    result = []
    for center, row in zip(centers, standard, strict=True):
        order = np.argsort(-np.abs(row), kind="stable")
        result.append(
            [
                Difference(clustering.features[at], float(center[at]), float(clustering.scale.mean[at]), float(row[at]))
                for at in order
            ]
        )
    return result


def description(own_differences: Sequence[Difference]) -> str:
    """Return the largest differences as a sentence."""
    parts = [one.sentence for one in own_differences[:MOST_DIFFERENCES] if abs(one.deviations) >= LEAST_DEVIATIONS]
    return "; ".join(parts) or "Like the average shopper"


def name(own_differences: Sequence[Difference], *, other_names: Collection[str]) -> str:
    """Return a short name by the largest differences; words and then a number keep it apart from those other_names."""
    phrases = [one.phrase for one in own_differences if abs(one.deviations) >= LEAST_DEVIATIONS]
    phrases = phrases or ["average shoppers"]
    candidates = [", ".join(phrases[:length]) for length in range(min(2, len(phrases)), min(4, len(phrases)) + 1)]
    candidates += [f"{candidates[0]} ({number})" for number in range(2, len(other_names) + 3)]
    best = next(one for one in candidates if one[:1].upper() + one[1:] not in other_names)
    return best[:1].upper() + best[1:]


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.2g}"
