"""Which products are alike by their own words: for products no model knows yet, and shops without a model. Pure.

Built in one pass over the catalog, without learning: words of the title, parts of the category, brand, attributes,
each weighed by its rarity (idf), rows normalized; likeness is the cosine. The `content` recommender learns more and is
used wherever a model holds it.
"""

from collections.abc import Iterator, Mapping
from itertools import compress
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_matrix, csr_matrix, vstack

from recsys.arrays import (
    Bools,
    Floats,
    Ints,
    Longs,
)
from recsys.data.catalog import Catalog
from recsys.sources import text

WEIGHTS = {"w": 1.0, "c": 1.5, "b": 0.7, "a": 1.0}
"""How much a word of the title, a part of the category, the brand and an attribute count."""
PRESENT = 1e-6
"""Likeness below this is none."""


class Kinship:
    """Cosine likeness over the catalog's words; item codes as in the catalog."""

    def __init__(self, catalog: Catalog, vocabulary: Mapping[str, int], present: csr_matrix) -> None:
        self._catalog = catalog
        self._vocabulary = vocabulary
        self._rows = _normalized(present, np.array([WEIGHTS[word[0]] for word in vocabulary] or [0.0], np.float32))
        self._columns = csc_matrix(self._rows)

    @classmethod
    def of(cls, catalog: Catalog) -> Self:
        """Return the likeness of a catalog's items."""
        nothing = Kinship(Catalog(item_ids=()), {}, csr_matrix((0, 1), dtype=np.float32))
        return cls.after(nothing, catalog, np.full(catalog.n_items, -1))

    @classmethod
    def after(cls, before: "Kinship", catalog: Catalog, places: Longs) -> Self:
        """Return the likeness of a catalog's items, of which `places` are the codes before, -1 for none.

        What is told in the same words keeps them: it is not read again.
        """
        fresh = np.flatnonzero(~_told_alike(catalog, before._catalog, places))
        vocabulary, indices, ends = dict(before._vocabulary), list[int](), [0]
        for code in fresh.tolist():
            own = dict.fromkeys(words(catalog, code))
            indices.extend(vocabulary.setdefault(word, len(vocabulary)) for word in own)
            ends.append(len(indices))
        lent, width = before._rows, max(1, len(vocabulary))
        known = csr_matrix((lent.data, lent.indices, lent.indptr), shape=(lent.shape[0], width))
        added = csr_matrix((np.ones(len(indices), np.float32), indices, ends), shape=(len(fresh), width))
        rows = places.copy()
        rows[fresh] = lent.shape[0] + np.arange(len(fresh))
        present = vstack([known, added], format="csr")[rows]
        borne = np.bincount(present.indices, minlength=width) > 0
        if 0 < 2 * np.count_nonzero(borne) < len(vocabulary):  # most are words of what is gone or told otherwise by now
            vocabulary = {word: place for place, word in enumerate(compress(vocabulary, borne))}
            present = present[:, np.flatnonzero(borne)]
        return cls(catalog, vocabulary, present)

    def rows(self, codes: Ints) -> csr_matrix:
        """Return csr float32[len(codes), words]: the items' words, each row of length 1, or empty."""
        return self._rows[codes]

    def likeness(self, code: int) -> Floats:
        """Return float32[n_items]: how like each item is to the given one; the item itself 0."""
        scores = np.zeros(self._rows.shape[0], np.float32)
        row = slice(self._rows.indptr[code], self._rows.indptr[code + 1])
        for column, value in zip(self._rows.indices[row].tolist(), self._rows.data[row].tolist(), strict=True):
            part = slice(self._columns.indptr[column], self._columns.indptr[column + 1])
            scores[self._columns.indices[part]] += value * self._columns.data[part]
        scores[code] = 0.0
        return scores

    def near(self, code: int, *, mask: Bools, k: int) -> Ints:
        """Return up to k items that the mask allows, the most alike first; ties go to the lower code."""
        scores = self.likeness(code)
        candidates = np.flatnonzero((scores > PRESENT) & mask)
        order = np.lexsort((candidates, -scores[candidates]))[:k]
        nearest: Ints = candidates[order].astype(np.int32)
        return nearest


def words(catalog: Catalog, code: int) -> Iterator[str]:
    """Yield the words of an item, each with the letter of its kind in front."""
    if catalog.titles:
        yield from ("w" + word for word in text.tokenize(catalog.titles[code]))
    if catalog.categories and catalog.categories[code]:
        yield from ("c" + part for part in catalog.categories[code].split("/"))
    if catalog.brands and catalog.brands[code]:
        yield "b" + catalog.brands[code]
    if catalog.attributes:
        yield from ("a" + attribute for attribute in catalog.attributes[code])


def _told_alike(catalog: Catalog, other: Catalog, places: Longs) -> Bools:
    """Return of which items both tell the same words; `places` are the codes in the other one, -1 for none."""
    alike = places >= 0
    there = places[alike]
    for name in ("titles", "categories", "brands", "attributes"):
        own, others = (_objects(one, name) for one in (catalog, other))
        alike[alike] = own[alike] == others[there]
        there = places[alike]
    return alike


def _objects(catalog: Catalog, name: str) -> NDArray[np.object_]:
    values = getattr(catalog, name) or (() if name == "attributes" else "",) * catalog.n_items
    return np.fromiter(values, object, len(values))


def _normalized(present: csr_matrix, weights: Floats) -> csr_matrix:
    n_items = max(1, present.shape[0])
    frequency = np.bincount(present.indices, minlength=present.shape[1])
    idf = np.log1p(n_items / np.maximum(frequency, 1)).astype(np.float32) * weights
    data = idf[present.indices]
    owner = np.repeat(np.arange(present.shape[0]), np.diff(present.indptr))
    norms = np.sqrt(np.bincount(owner, data**2, present.shape[0]))
    data = data / np.maximum(norms[owner], 1e-9)
    return csr_matrix((data.astype(np.float32), present.indices, present.indptr), shape=present.shape)
