"""How many candidates each source proposes: blocks of its list, taken while they find targets nobody else found."""

from collections.abc import Mapping, Sequence

import numpy as np

from recsys.arrays import Bools, Floats, Longs
from recsys.ranking.candidates import Candidates

BLOCK = 20
DEPTH = 200
TOTAL = 250
"""How many candidates a shopper has on average."""


def tuned_quotas(candidates: Candidates, hit: Bools, *, total: int = TOTAL) -> dict[str, int]:
    """Return the quota of each source, greedily by targets found per candidate added.

    `candidates` are gathered at `DEPTH` from each source, and `hit` says which are targets. Each source keeps one block
    at least, for shoppers of whom nothing is known.
    """
    names, blocks = candidates.sources, _blocks(candidates)
    quotas = dict.fromkeys(names, BLOCK)
    taken = _taken(blocks, quotas, names)
    while taken.sum() < total * candidates.n_rows:
        gains = {}
        for at, name in enumerate(names):
            fresh = (blocks[:, at] == quotas[name] // BLOCK) & ~taken
            if hits := int(hit[fresh].sum()):
                gains[name] = hits / int(fresh.sum())
        if not gains:
            break
        best = max(sorted(gains), key=lambda name: gains[name])
        quotas[best] += BLOCK
        taken |= blocks[:, names.index(best)] < quotas[best] // BLOCK
    return quotas


def recall(targets: Sequence[Longs], hit: Bools) -> float:
    """Return the share of all targets that candidates hold, given which of these are targets."""
    return float(hit.sum() / max(1, sum(len(own) for own in targets)))


def _blocks(candidates: Candidates) -> Floats:
    blocks: Floats = np.where(np.isnan(candidates.ranks), np.float32(np.inf), candidates.ranks // BLOCK).astype(
        np.float32
    )
    return blocks


def _taken(blocks: Floats, quotas: Mapping[str, int], names: tuple[str, ...]) -> Bools:
    limits = np.array([quotas[name] // BLOCK for name in names], np.float32)
    return np.asarray((blocks < limits).any(axis=1), np.bool_)
