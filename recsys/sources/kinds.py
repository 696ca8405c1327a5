"""How much more of each item a kind of shopper takes than others, shrunk by empirical Bayes. Sums over many only. Pure.

A kind ("age=25-34") is compared with all shoppers of whom the same is known (their age), and those of whom anything is
known with everybody: so what sets known shoppers apart is counted once, not once an attribute.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from recsys.arrays import Bools
from recsys.data.codes import encode
from recsys.data.interactions import Interactions
from recsys.sources.matrix import Matrix, scaled_rows, user_item
from recsys.sources.storage import Array

ANY_KIND = ""
"""The kind of all shoppers of whom anything is known."""
NO_DATA_NOISE = 1e12
"""The noise of an item that nobody took: nothing is believed of it."""


@dataclass(frozen=True, slots=True)
class Kinds:
    """Kinds in the order of their names, KNOWN first; `size` is how many shoppers each has.

    Row k of `lifts` (csr float32[n_kinds, n_items]) is the kind's share of each item over that of those it is compared
    with. `signal_variance` is the variance of a kind's lifts beyond chance; `noise` float64[2, n_items] is that of one shopper's
    lift, among everybody (for KNOWN) and among the known (for the others).
    """

    names: tuple[str, ...]
    size: Array
    signal_variance: Array
    noise: Array
    lifts: Matrix


def kinds_of(interactions: Interactions, n_items: int, *, least: int, most: int) -> Kinds:
    """Return the `most` largest kinds of at least `least` shoppers who did anything.

    Raises ValueError where the attributes of some user codes are missing.
    """
    if interactions.shoppers and len(interactions.shoppers) != interactions.n_users:
        raise ValueError("shoppers must tell of each user code, or of none")
    tastes = _tastes(interactions, n_items)
    active = np.diff(tastes.indptr) > 0
    names, members = _members(interactions, active, least=least, most=most)
    if not names:
        return Kinds((), np.empty(0), np.empty(0), np.empty((2, 0)), sparse.csr_matrix((0, n_items), dtype=np.float32))
    sizes, lifts, told = [], [], []
    for key in dict.fromkeys(name.partition("=")[0] for name in names):
        own = [at for at, name in enumerate(names) if name.partition("=")[0] == key]
        among = active if key == ANY_KIND else _in_any(members[own])
        mean, noise = _moments(tastes[np.flatnonzero(among)])
        size = np.asarray(members[own].sum(axis=1)).ravel()
        lift = _lifts(members[own] @ tastes, size, mean)
        sizes.append(size)
        lifts.append(lift)
        told.append(np.full(len(own), _signal_variance(lift, mean, noise, size, int(among.sum()))))
    _, of_all = _moments(tastes[np.flatnonzero(active)])
    _, of_known = _moments(tastes[np.flatnonzero(_in_any(members))])
    whole = sparse.vstack(lifts, format="csr").astype(np.float32)
    return Kinds(names, np.concatenate(sizes), np.concatenate(told), np.stack([of_all, of_known]), whole)


def _tastes(interactions: Interactions, n_items: int) -> Matrix:
    """Return csr float32[n_users, n_items]: 1 / how many items the shopper took, for each of them."""
    matrix = user_item(interactions, n_items)
    count = np.diff(matrix.indptr)
    matrix.data[:] = 1
    return scaled_rows(matrix, (1 / np.maximum(count, 1)).astype(np.float32))


def _members(interactions: Interactions, active: Bools, *, least: int, most: int) -> tuple[tuple[str, ...], Matrix]:
    """Return names in order and csr float32[n_kinds, n_users] of who belongs where."""
    told = interactions.shoppers if interactions.shoppers else ((),) * interactions.n_users
    pairs = [(name, user) for user in np.flatnonzero(active).tolist() for name in set(told[user])]
    codes, names = encode([name for name, _ in pairs])
    sizes = np.bincount(codes, minlength=len(names))
    kept = np.sort(np.argsort(-sizes, kind="stable")[:most])
    kept = kept[sizes[kept] >= least]
    if not len(kept):
        return (), sparse.csr_matrix((0, interactions.n_users), dtype=np.float32)
    users = np.array([user for _, user in pairs], np.int64)
    shape = (len(names), interactions.n_users)
    members = sparse.csr_matrix((np.ones(len(users), np.float32), (codes, users)), shape=shape)[kept]
    known = sparse.csr_matrix(_in_any(members).astype(np.float32))
    return (ANY_KIND, *(names[at] for at in kept)), sparse.vstack([known, members], format="csr")


def _in_any(members: Matrix) -> Bools:
    """Return bool[n_users]: who belongs to any of the kinds."""
    belongs: Bools = np.asarray(members.sum(axis=0)).ravel() > 0
    return belongs


def _moments(tastes: Matrix) -> tuple[Array, Array]:
    """Return the mean share of each item, and the variance of one shopper's share over the squared mean."""
    n = max(1, tastes.shape[0])
    mean = np.asarray(tastes.sum(axis=0), np.float64).ravel() / n
    square = np.asarray(tastes.multiply(tastes).sum(axis=0), np.float64).ravel() / n
    relative = np.divide(square, mean**2, out=np.full(len(mean), NO_DATA_NOISE), where=mean > 0)
    return mean, np.maximum(relative - 1, 1e-6)


def _lifts(sums: Matrix, size: Array, mean: Array) -> Matrix:
    """Return csr: each kind's mean over the common one."""
    inverse = np.divide(1.0, mean, out=np.zeros(len(mean)), where=mean > 0)
    return (sparse.diags(1 / size) @ sums @ sparse.diags(inverse)).tocsr()


def _signal_variance(lifts: Matrix, mean: Array, noise: Array, size: Array, among: int) -> float:
    """Return by moments how much the lifts of one attribute's kinds vary beyond chance; 0 where chance explains it.

    E[(lift - 1)²] = told + noise · (1 / size - 1 / all), over items that count by how surely their lift is known.
    """
    weight = np.where(mean > 0, noise**-2.0, 0.0)
    weight /= max(float(weight.sum()), 1e-12)
    excess = [
        float((weight * ((lifts[[at]].toarray().ravel() - 1) ** 2 - noise * (1 / one - 1 / among))).sum())
        for at, one in enumerate(size.tolist())
    ]
    return max(0.0, float(np.average(excess, weights=size)))
