"""Similarity of products by their texts: for products that no model knows yet, and for shops without a model. Pure.

TF-IDF over the words of the title, the parts of the category, the brand and the attributes; similarity is the cosine.
It takes one pass over the catalog and no training. Wherever a model holds the `content` recommender, that is used.
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
"""Weight of a word of the title, a part of the category, the brand and an attribute."""
MIN_SIMILARITY = 1e-6
"""A similarity below this counts as 0."""


class TextSimilarity:
    """Cosine similarity of TF-IDF rows; item codes as in the catalog."""

    def __init__(self, catalog: Catalog, vocabulary: Mapping[str, int], incidence: csr_matrix) -> None:
        self._catalog = catalog
        self._vocabulary = vocabulary
        self._rows = _normalized(incidence, np.array([WEIGHTS[word[0]] for word in vocabulary] or [0.0], np.float32))
        self._columns = csc_matrix(self._rows)

    @classmethod
    def of(cls, catalog: Catalog) -> Self:
        """Return the similarities of a catalog's items."""
        nothing = TextSimilarity(Catalog(item_ids=()), {}, csr_matrix((0, 1), dtype=np.float32))
        return cls.updated(nothing, catalog, np.full(catalog.n_items, -1))

    @classmethod
    def updated(cls, previous: "TextSimilarity", catalog: Catalog, places: Longs) -> Self:
        """Return the similarities of a new catalog. `places` int64[n_items] are the previous codes, -1 for none.

        Items whose texts are unchanged are not tokenized again.
        """
        changed = np.flatnonzero(~_same_text(catalog, previous._catalog, places))
        vocabulary, indices, ends = dict(previous._vocabulary), list[int](), [0]
        for code in changed.tolist():
            item_tokens = dict.fromkeys(tokens(catalog, code))
            indices.extend(vocabulary.setdefault(word, len(vocabulary)) for word in item_tokens)
            ends.append(len(indices))
        earlier_rows, width = previous._rows, max(1, len(vocabulary))
        earlier_incidence = csr_matrix(
            (earlier_rows.data, earlier_rows.indices, earlier_rows.indptr), shape=(earlier_rows.shape[0], width)
        )
        new_incidence = csr_matrix((np.ones(len(indices), np.float32), indices, ends), shape=(len(changed), width))
        row_of_item = places.copy()
        row_of_item[changed] = earlier_rows.shape[0] + np.arange(len(changed))
        incidence = vstack([earlier_incidence, new_incidence], format="csr")[row_of_item]
        is_used = np.bincount(incidence.indices, minlength=width) > 0
        if 0 < 2 * np.count_nonzero(is_used) < len(vocabulary):  # most tokens belong to removed or changed items
            vocabulary = {word: place for place, word in enumerate(compress(vocabulary, is_used))}
            incidence = incidence[:, np.flatnonzero(is_used)]
        return cls(catalog, vocabulary, incidence)

    def rows(self, codes: Ints) -> csr_matrix:
        """Return csr float32[len(codes), n_tokens]: TF-IDF rows of length 1, or empty."""
        return self._rows[codes]

    def similarities(self, code: int) -> Floats:
        """Return float32[n_items]: the similarity of each item to the given one; 0 for the item itself."""
        scores = np.zeros(self._rows.shape[0], np.float32)
        row = slice(self._rows.indptr[code], self._rows.indptr[code + 1])
        for column, value in zip(self._rows.indices[row].tolist(), self._rows.data[row].tolist(), strict=True):
            part = slice(self._columns.indptr[column], self._columns.indptr[column + 1])
            scores[self._columns.indices[part]] += value * self._columns.data[part]
        scores[code] = 0.0
        return scores

    def nearest(self, code: int, *, mask: Bools, k: int) -> Ints:
        """Return up to k items of the mask, the most similar first; ties go to the lower code."""
        scores = self.similarities(code)
        candidates = np.flatnonzero((scores > MIN_SIMILARITY) & mask)
        order = np.lexsort((candidates, -scores[candidates]))[:k]
        nearest: Ints = candidates[order].astype(np.int32)
        return nearest


def tokens(catalog: Catalog, code: int) -> Iterator[str]:
    """Yield the tokens of an item, each with a prefix for its kind: w, c, b or a."""
    if catalog.titles:
        yield from ("w" + word for word in text.tokenize(catalog.titles[code]))
    if catalog.categories and catalog.categories[code]:
        yield from ("c" + part for part in catalog.categories[code].split("/"))
    if catalog.brands and catalog.brands[code]:
        yield "b" + catalog.brands[code]
    if catalog.attributes:
        yield from ("a" + attribute for attribute in catalog.attributes[code])


def _same_text(catalog: Catalog, other: Catalog, places: Longs) -> Bools:
    """Return bool[n_items]: items with equal texts in both; `places` are the codes in the other one, -1 for none."""
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


def _normalized(incidence: csr_matrix, weights: Floats) -> csr_matrix:
    n_items = max(1, incidence.shape[0])
    frequency = np.bincount(incidence.indices, minlength=incidence.shape[1])
    idf = np.log1p(n_items / np.maximum(frequency, 1)).astype(np.float32) * weights
    data = idf[incidence.indices]
    owner = np.repeat(np.arange(incidence.shape[0]), np.diff(incidence.indptr))
    norms = np.sqrt(np.bincount(owner, data**2, incidence.shape[0]))
    data = data / np.maximum(norms[owner], 1e-9)
    return csr_matrix((data.astype(np.float32), incidence.indices, incidence.indptr), shape=incidence.shape)
