"""Content: items alike in attributes, words and, where given, pictures. Knows products nobody has touched yet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from scipy import sparse

from recsys.arrays import Floats
from recsys.data.catalog import Catalog
from recsys.data.deep_features import sentence_vectors
from recsys.data.interactions import Interactions
from recsys.sources import text
from recsys.sources.base import Config
from recsys.sources.item_item import ITEM_ITEM_SPACE, ItemItem, ItemItemConfig
from recsys.sources.matrix import Matrix, scaled_columns, top_k_per_row
from recsys.sources.neighbors import (
    MAX_ENTRIES,
    block_rows,
    build_table,
    top_k_of_dense,
)
from recsys.sources.scoring import Reason, SearchSpace
from recsys.sources.storage import (
    Array,
    Arrays,
    pack_texts,
    unpack_texts,
)


@dataclass(frozen=True)
class ContentConfig(ItemItemConfig):
    """Weights: attributes and words are one vector by TF-IDF, in whose cosine a word of the title counts `words` times
    as much as one of the attributes as rare as it; `pictures` and `sentences` (the extra [deep]) are cosines beside it.

    `popularity` lifts what sells among equals: similarity is multiplied by (1 + interactions) ** popularity. Good:
    attributes 1, words .5–1, popularity .1–.4.
    """

    half_life_days: float = 30.0
    step: float = 0.7
    attributes: float = 1.0
    words: float = 1.0
    pictures: float = 0.5
    sentences: float = 0.0
    popularity: float = 0.2
    vocabulary: int = 30_000


class Content(ItemItem):
    """Cosine similarity over what the catalog says of the items."""

    name: ClassVar[str] = "content"
    reason: ClassVar[Reason] = "alike"
    config_class: ClassVar[type[Config]] = ContentConfig
    config: ContentConfig
    SEARCH_SPACE: ClassVar[SearchSpace] = {
        **ITEM_ITEM_SPACE,
        "attributes": ("float", 0.1, 2.0, False),
        "words": ("float", 0.1, 2.0, False),
        "popularity": ("float", 0.0, 0.6, False),
    }

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return features, vocabularies, counts and the neighbor table."""
        n = catalog.n_items
        arrays: Arrays = {"lift": self.lift_factors(interactions, catalog)}
        most, blocks = max(2000, n // 20), []
        for name, bags in _bags(catalog).items():
            columns = text.build_vocabulary(bags, most_common=most, largest=self.config.vocabulary)
            arrays[f"{name}_vocabulary"] = pack_texts(tuple(columns))
            block, arrays[f"{name}_idf"] = text.tfidf(bags, columns)
            blocks.append(block)
        words, dense = self._weighted_words(blocks), self._dense(catalog)
        found = build_table(self._similarity(words, dense, arrays["lift"]), most=self.config.neighbors)
        return {**arrays, **_word_arrays(words), "dense": dense, **found.arrays()}

    def lift_factors(self, interactions: Interactions, catalog: Catalog) -> Array:
        """Return float32[n_items]: what similarity to each item is multiplied by."""
        counts = np.bincount(interactions.items, minlength=catalog.n_items)
        return ((1.0 + counts) ** self.config.popularity).astype(np.float32)

    def lift_of_added(self) -> float:
        """Return the factor of a product created after the fit."""
        return 1.0

    def extend(self, catalog: Catalog) -> Self:
        """Return a model that also knows the items behind the first n_items of this larger catalog, without a refit.

        The first n_items must be those fitted on. New items become neighbors of old ones, beside those they have, and
        the other way around.
        """
        old, n = self.n_items, catalog.n_items
        added = _catalog_from(catalog, old)
        blocks = []
        for name, bags in _bags(added).items():
            columns = {word: at for at, word in enumerate(unpack_texts(self.arrays[f"{name}_vocabulary"]))}
            blocks.append(text.tfidf(bags, columns, self.arrays[f"{name}_idf"])[0])
        words = sparse.vstack([self._words(), self._weighted_words(blocks)], format="csr")
        dense = np.vstack([self.arrays["dense"], _padded(self._dense(added), self.arrays["dense"].shape[1])])
        lift = np.concatenate([self.arrays["lift"], np.full(n - old, self.lift_of_added(), np.float32)])
        factor, most = np.float32(self.lift_of_added()), self.config.neighbors
        most_beside = max(1, min(most, MAX_ENTRIES // max(1, old)))
        aside: list[Matrix] = []
        below: list[Matrix] = []
        own: list[Floats] = []
        for chunk in self._similarity_from(words, dense, start=old):
            own.append(chunk.diagonal(old + sum(map(len, own))) * factor)  # before others are lifted above it
            aside.append((chunk[:, :old] * factor).T.tocsr())
            below.append(top_k_per_row(scaled_columns(chunk, lift), most + 1))
            if sum(part.nnz for part in aside) > MAX_ENTRIES:  # all pairs of many new items would fill any memory
                aside = [top_k_per_row(sparse.hstack(aside, format="csr"), most_beside)]
        model = type(self)(self.config)
        model.n_items = n
        model.arrays = {**self.arrays, **_word_arrays(words), "dense": dense, "lift": lift}
        beside = top_k_per_row(sparse.hstack(aside, format="csr"), most_beside)
        rows = build_table(below, most=most, start=old, own=np.concatenate(own))
        model.arrays |= self.table.extended(beside, rows).arrays()
        model.prepare()
        return model

    def _weighted_words(self, blocks: Sequence[Matrix]) -> Matrix:
        """Return csr float32[n, words] of attributes and words, weighted, each row of length 1 or empty.

        One length for both: where an item has few attributes, or common ones, its words say more, and the other way
        around. (With a length of 1 for either, two items with one common attribute were as alike by it as others with
        ten rare ones: ADR 21 has the figures.)
        """
        shares = (self.config.attributes, self.config.words / text.TITLE_WEIGHT**2)
        weighted = [block * np.float32(np.sqrt(share)) for block, share in zip(blocks, shares, strict=True)]
        return text.unit_rows(sparse.hstack(weighted, format="csr", dtype=np.float32))

    def _dense(self, catalog: Catalog) -> Floats:
        """Return float32[n, d] of pictures and sentences, weighted likewise."""
        c, dense = self.config, [np.empty((catalog.n_items, 0), np.float32)]
        if catalog.images is not None and c.pictures > 0:
            dense.append(_unit_rows(catalog.images) * np.float32(np.sqrt(c.pictures)))
        if c.sentences > 0:
            dense.append(_unit_rows(sentence_vectors(catalog)) * np.float32(np.sqrt(c.sentences)))
        return np.hstack(dense)

    def _similarity(self, words: Matrix, dense: Floats, lift: Floats) -> Iterator[Matrix]:
        """Yield the similarity of all items to all, times each item's lift, in chunks of rows."""
        others = scaled_columns(words.T.tocsr(), lift)
        others.eliminate_zeros()
        for block in _blocks(0, words.shape[0]):
            yield self._with_dense(words[block] @ others, dense, block, lift)

    def _similarity_from(self, words: Matrix, dense: Floats, *, start: int) -> Iterator[Matrix]:
        """Yield the similarity of the items from a code on to all, in chunks: without turning all items' words."""
        even = np.ones(words.shape[0], np.float32)
        for block in _blocks(start, words.shape[0]):
            yield self._with_dense((words @ words[block].T.tocsr()).T.tocsr(), dense, block, even)

    def _with_dense(self, chunk: Matrix, dense: Floats, block: slice, lift: Floats) -> Matrix:
        """Return the chunk with what pictures and sentences say beside the words."""
        if not dense.shape[1]:
            chunk.eliminate_zeros()
            return chunk.tocsr()
        lively, chunk = np.flatnonzero(lift), chunk.toarray()
        chunk[:, lively] += (dense[block] @ dense[lively].T) * lift[lively]
        itself = np.arange(len(chunk)), np.arange(block.start, block.stop)
        own, chunk[itself] = chunk[itself], np.inf  # kept, however many others are lifted above it
        best = top_k_of_dense(chunk, self.config.neighbors + 1)
        best.data[np.isinf(best.data)] = own
        return best

    def _words(self) -> Matrix:
        arrays = self.arrays
        parts = (arrays["word_data"], arrays["word_columns"], arrays["word_rows"])
        return sparse.csr_matrix(parts, shape=(self.n_items, int(arrays["word_shape"][0])))


def _blocks(start: int, stop: int) -> Iterator[slice]:
    size = block_rows(stop)
    return (slice(at, min(at + size, stop)) for at in range(start, stop, size))


def _padded(dense: Floats, width: int) -> Floats:
    """Return rows as wide as those fitted on: without pictures, which come first, they have zeros there."""
    return np.hstack([np.zeros((len(dense), width - dense.shape[1]), np.float32), dense])


def _bags(catalog: Catalog) -> dict[str, text.Bags]:
    return {"attribute": text.attribute_bags(catalog), "word": text.word_bags(catalog)}


def _word_arrays(words: Matrix) -> Arrays:
    indices, indptr = words.indices.astype(np.int32), words.indptr.astype(np.int64)
    shape = np.array([words.shape[1]])
    return {"word_data": words.data, "word_columns": indices, "word_rows": indptr, "word_shape": shape}


def _unit_rows(vectors: Floats) -> Floats:
    """Return rows of length 1; rows that are zero or not finite (no picture) become zero."""
    clean = np.nan_to_num(vectors, nan=0.0, posinf=0.0, neginf=0.0)
    return np.asarray(clean / np.maximum(np.linalg.norm(clean, axis=1, keepdims=True), 1e-9), np.float32)


def _catalog_from(catalog: Catalog, start: int) -> Catalog:
    """Return the catalog from an item code on."""
    names = ("titles", "descriptions", "categories", "brands", "attributes", "prices", "images")
    columns: dict[str, Any] = {name: getattr(catalog, name) for name in names}
    cut: dict[str, Any] = {name: None if column is None else column[start:] for name, column in columns.items()}
    return Catalog(item_ids=catalog.item_ids[start:], **cut)
