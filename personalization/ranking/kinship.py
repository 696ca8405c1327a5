"""Which products are alike by their own words: for products no model knows yet, and shops without a model. Pure.

Built in one pass over the catalogue, without learning: words of the title, parts of the category, brand, attributes,
each weighed by its rarity (idf), rows normalized; likeness is the cosine. The `content` recommender learns more and is
used wherever a model holds it.
"""

from collections.abc import Iterator
from typing import Self

import numpy as np
from scipy.sparse import csc_matrix, csr_matrix

from personalization.recommenders import text
from personalization.recommenders.base import Bools, Catalogue, Floats, Ints

WEIGHTS = {"w": 1.0, "c": 1.5, "b": 0.7, "a": 1.0}
"""How much a word of the title, a part of the category, the brand and an attribute count."""
PRESENT = 1e-6
"""Likeness below this is none."""


class Kinship:
    """Cosine likeness over the catalogue's words; item codes as in the catalogue."""

    def __init__(self, rows: csr_matrix) -> None:
        self._rows = rows
        self._columns = csc_matrix(rows)

    @classmethod
    def of(cls, catalogue: Catalogue) -> Self:
        """Return the likeness of a catalogue's items."""
        vocabulary: dict[str, int] = {}
        weights: list[float] = []
        indices: list[int] = []
        ends = [0]
        for code in range(catalogue.n_items):
            for word in dict.fromkeys(words(catalogue, code)):
                column = vocabulary.setdefault(word, len(vocabulary))
                if column == len(weights):
                    weights.append(WEIGHTS[word[0]])
                indices.append(column)
            ends.append(len(indices))
        shape = (catalogue.n_items, max(1, len(vocabulary)))
        present = csr_matrix((np.ones(len(indices), np.float32), indices, ends), shape=shape)
        return cls(_normalized(present, np.asarray(weights or [0.0], np.float32)))

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


def words(catalogue: Catalogue, code: int) -> Iterator[str]:
    """Yield the words of an item, each with the letter of its kind in front."""
    if catalogue.titles:
        yield from ("w" + word for word in text.words(catalogue.titles[code]))
    if catalogue.categories and catalogue.categories[code]:
        yield from ("c" + part for part in catalogue.categories[code].split("/"))
    if catalogue.brands and catalogue.brands[code]:
        yield "b" + catalogue.brands[code]
    if catalogue.attributes:
        yield from ("a" + attribute for attribute in catalogue.attributes[code])


def _normalized(present: csr_matrix, weights: Floats) -> csr_matrix:
    n_items = max(1, present.shape[0])
    frequency = np.bincount(present.indices, minlength=present.shape[1])
    idf = np.log1p(n_items / np.maximum(frequency, 1)).astype(np.float32) * weights
    data = idf[present.indices]
    owner = np.repeat(np.arange(present.shape[0]), np.diff(present.indptr))
    norms = np.sqrt(np.bincount(owner, data**2, present.shape[0]))
    data = data / np.maximum(norms[owner], 1e-9)
    return csr_matrix((data.astype(np.float32), present.indices, present.indptr), shape=present.shape)
