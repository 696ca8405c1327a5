"""Lifts of items in groups of shoppers with the same attribute, with statistics for empirical Bayes shrinkage. Pure.

A kind is such a group, as "age=25-34". It is compared with all shoppers whose age is known. Shoppers with any known
attribute are compared with everybody. So a difference of these from others counts once, not once per attribute. Only
sums over many shoppers are returned.
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
"""The kind of all shoppers with any known attribute."""
NO_DATA_NOISE = 1e12
"""The noise of an item without interactions, so large that its lift is shrunk to 1."""


@dataclass(frozen=True, slots=True)
class Kinds:
    """Kinds sorted by name, ANY_KIND first.

    * `size`: the number of shoppers of each kind
    * `signal_variance`: the variance of lifts beyond chance, of the kinds of one attribute
    * `noise`: float64[2, n_items], the variance of one shopper's lift, among all shoppers (for ANY_KIND) and among
      those with any attribute (for the others)
    * `lifts`: csr float32[n_kinds, n_items], the share of each item in the kind over that in its comparison group
    """

    names: tuple[str, ...]
    size: Array
    signal_variance: Array
    noise: Array
    lifts: Matrix


def kinds_of(interactions: Interactions, n_items: int, *, min_shoppers: int, max_kinds: int) -> Kinds:
    """Return the `max_kinds` largest kinds with at least `min_shoppers` active shoppers.

    Raises ValueError if attributes are given for some user codes only.
    """
    if interactions.shoppers and len(interactions.shoppers) != interactions.n_users:
        raise ValueError("shoppers must tell of each user code, or of none")
    tastes = _tastes(interactions, n_items)
    active = np.diff(tastes.indptr) > 0
    names, members = _members(interactions, active, min_shoppers=min_shoppers, max_kinds=max_kinds)
    if not names:
        return Kinds((), np.empty(0), np.empty(0), np.empty((2, 0)), sparse.csr_matrix((0, n_items), dtype=np.float32))
    sizes, lifts, variances = [], [], []
    for key in dict.fromkeys(name.partition("=")[0] for name in names):
        members_of_key = [at for at, name in enumerate(names) if name.partition("=")[0] == key]
        among = active if key == ANY_KIND else _in_any(members[members_of_key])
        mean, noise = _moments(tastes[np.flatnonzero(among)])
        size = np.asarray(members[members_of_key].sum(axis=1)).ravel()
        lift = _lifts(members[members_of_key] @ tastes, size, mean)
        sizes.append(size)
        lifts.append(lift)
        variances.append(np.full(len(members_of_key), _signal_variance(lift, mean, noise, size, int(among.sum()))))
    _, noise_all = _moments(tastes[np.flatnonzero(active)])
    _, noise_any = _moments(tastes[np.flatnonzero(_in_any(members))])
    whole = sparse.vstack(lifts, format="csr").astype(np.float32)
    return Kinds(names, np.concatenate(sizes), np.concatenate(variances), np.stack([noise_all, noise_any]), whole)


def _tastes(interactions: Interactions, n_items: int) -> Matrix:
    """Return csr float32[n_users, n_items]: 1 / n for each of the n items of a shopper."""
    matrix = user_item(interactions, n_items)
    count = np.diff(matrix.indptr)
    matrix.data[:] = 1
    return scaled_rows(matrix, (1 / np.maximum(count, 1)).astype(np.float32))


def _members(
    interactions: Interactions, active: Bools, *, min_shoppers: int, max_kinds: int
) -> tuple[tuple[str, ...], Matrix]:
    """Return the names of kinds, ANY_KIND first, and csr float32[n_kinds, n_users], 1 for each member."""
    attributes = interactions.shoppers if interactions.shoppers else ((),) * interactions.n_users
    pairs = [(name, user) for user in np.flatnonzero(active).tolist() for name in set(attributes[user])]
    codes, names = encode([name for name, _ in pairs])
    sizes = np.bincount(codes, minlength=len(names))
    largest = np.sort(np.argsort(-sizes, kind="stable")[:max_kinds])
    largest = largest[sizes[largest] >= min_shoppers]
    if not len(largest):
        return (), sparse.csr_matrix((0, interactions.n_users), dtype=np.float32)
    users = np.array([user for _, user in pairs], np.int64)
    shape = (len(names), interactions.n_users)
    members = sparse.csr_matrix((np.ones(len(users), np.float32), (codes, users)), shape=shape)[largest]
    any_kind = sparse.csr_matrix(_in_any(members).astype(np.float32))
    return (ANY_KIND, *(names[at] for at in largest)), sparse.vstack([any_kind, members], format="csr")


def _in_any(members: Matrix) -> Bools:
    """Return bool[n_users]: which shoppers belong to any of the kinds."""
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
    """Return csr [n_kinds, n_items]: the mean of each kind over the common mean."""
    inverse = np.divide(1.0, mean, out=np.zeros(len(mean)), where=mean > 0)
    return (sparse.diags(1 / size) @ sums @ sparse.diags(inverse)).tocsr()


def _signal_variance(lifts: Matrix, mean: Array, noise: Array, size: Array, among: int) -> float:
    """Return the variance of lifts of one attribute's kinds beyond chance, by the method of moments; at least 0.

    E[(lift - 1)²] = variance + noise · (1 / size - 1 / all), averaged over items with weights noise ** -2.
    """
    weight = np.where(mean > 0, noise**-2.0, 0.0)
    weight /= max(float(weight.sum()), 1e-12)
    excess = [
        float((weight * ((lifts[[at]].toarray().ravel() - 1) ** 2 - noise * (1 / one - 1 / among))).sum())
        for at, one in enumerate(size.tolist())
    ]
    return max(0.0, float(np.average(excess, weights=size)))
