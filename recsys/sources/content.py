"""Content: similarity of items by attributes, words and, if there are any, pictures. Covers untouched products."""

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
    """Weights of the parts of the similarity.

    `attributes` and `words` weight the two parts of one TF-IDF vector: in its cosine, a word of the title counts
    `words` times as much as an equally rare attribute. `pictures` and `sentences` (extra [deep]) weight cosines of
    their own. Similarity is multiplied by (1 + interactions) ** popularity. Good: attributes 1, words .5–1, popularity
    .1–.4.
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
    """Cosine similarity of items by the catalog's data."""

    name: ClassVar[str] = "content"
    reason: ClassVar[Reason | None] = "alike"
    config_class: ClassVar[type[Config]] = ContentConfig
    config: ContentConfig
    SEARCH_SPACE: ClassVar[SearchSpace] = {
        **ITEM_ITEM_SPACE,
        "attributes": ("float", 0.1, 2.0, False),
        "words": ("float", 0.1, 2.0, False),
        "popularity": ("float", 0.0, 0.6, False),
    }

    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return features, vocabularies, idf, popularity factors and the neighbor table."""
        n = catalog.n_items
        arrays: Arrays = {"lift": self.lift_factors(interactions, catalog)}
        most, blocks = max(2000, n // 20), []
        for name, bags in _bags(catalog).items():
            columns = text.build_vocabulary(bags, most_common=most, largest=self.config.vocabulary)
            arrays[f"{name}_vocabulary"] = pack_texts(tuple(columns))
            block, arrays[f"{name}_idf"] = text.tfidf(bags, columns)
            blocks.append(block)
        words, dense = self._weighted_words(blocks), self._dense(catalog)
        neighbors = build_table(self._similarity(words, dense, arrays["lift"]), max_neighbors=self.config.neighbors)
        return {**arrays, **_word_arrays(words), "dense": dense, **neighbors.arrays()}

    def lift_factors(self, interactions: Interactions, catalog: Catalog) -> Array:
        """Return float32[n_items]: the factor of similarities to each item."""
        counts = np.bincount(interactions.items, minlength=catalog.n_items)
        return ((1.0 + counts) ** self.config.popularity).astype(np.float32)

    def lift_of_added(self) -> float:
        """Return the factor of an item that was added after the fit."""
        return 1.0

    def extend(self, catalog: Catalog) -> Self:
        """Return a model that covers the added items of a larger catalog too, without a refit.

        The first n_items of the catalog must be those of the fit. New items become neighbors of old ones and the other
        way around; old neighbors stay.
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
        factor, max_neighbors = np.float32(self.lift_of_added()), self.config.neighbors
        max_columns = max(1, min(max_neighbors, MAX_ENTRIES // max(1, old)))
        new_columns_parts: list[Matrix] = []
        new_rows_parts: list[Matrix] = []
        own: list[Floats] = []
        for chunk in self._similarity_from(words, dense, start=old):
            own.append(chunk.diagonal(old + sum(map(len, own))) * factor)  # before other items' factors
            new_columns_parts.append((chunk[:, :old] * factor).T.tocsr())
            new_rows_parts.append(top_k_per_row(scaled_columns(chunk, lift), max_neighbors + 1))
            if sum(part.nnz for part in new_columns_parts) > MAX_ENTRIES:  # bounds memory
                new_columns_parts = [top_k_per_row(sparse.hstack(new_columns_parts, format="csr"), max_columns)]
        model = type(self)(self.config)
        model.n_items = n
        model.arrays = {**self.arrays, **_word_arrays(words), "dense": dense, "lift": lift}
        new_columns = top_k_per_row(sparse.hstack(new_columns_parts, format="csr"), max_columns)
        new_rows = build_table(new_rows_parts, max_neighbors=max_neighbors, start=old, own=np.concatenate(own))
        model.arrays |= self.table.extended(new_columns, new_rows).arrays()
        model.prepare()
        return model

    def _weighted_words(self, blocks: Sequence[Matrix]) -> Matrix:
        """Return csr float32[n, n_terms] of weighted attributes and words, with unit or empty rows.

        Both parts are normalized together, so that words count more for an item with few or common attributes, and the
        other way around. Normalized separately, one common attribute would count as much as ten rare ones (ADR 21).
        """
        shares = (self.config.attributes, self.config.words / text.TITLE_WEIGHT**2)
        weighted = [block * np.float32(np.sqrt(share)) for block, share in zip(blocks, shares, strict=True)]
        return text.unit_rows(sparse.hstack(weighted, format="csr", dtype=np.float32))

    def _dense(self, catalog: Catalog) -> Floats:
        """Return float32[n, d] of weighted unit vectors of pictures and sentences; d may be 0."""
        c, dense = self.config, [np.empty((catalog.n_items, 0), np.float32)]
        if catalog.images is not None and c.pictures > 0:
            dense.append(_unit_rows(catalog.images) * np.float32(np.sqrt(c.pictures)))
        if c.sentences > 0:
            dense.append(_unit_rows(sentence_vectors(catalog)) * np.float32(np.sqrt(c.sentences)))
        return np.hstack(dense)

    def _similarity(self, words: Matrix, dense: Floats, lift: Floats) -> Iterator[Matrix]:
        """Yield csr chunks of rows of the n_items x n_items similarity, times the `lift` of each column's item."""
        columns = scaled_columns(words.T.tocsr(), lift)
        columns.eliminate_zeros()
        for block in _blocks(0, words.shape[0]):
            yield self._with_dense(words[block] @ columns, dense, block, lift)

    def _similarity_from(self, words: Matrix, dense: Floats, *, start: int) -> Iterator[Matrix]:
        """Yield csr chunks of the similarity of items from code `start` on to all items.

        Transposes the words of these items only, not of all.
        """
        even = np.ones(words.shape[0], np.float32)
        for block in _blocks(start, words.shape[0]):
            yield self._with_dense((words @ words[block].T.tocsr()).T.tocsr(), dense, block, even)

    def _with_dense(self, chunk: Matrix, dense: Floats, block: slice, lift: Floats) -> Matrix:
        """Return the chunk of similarity by words plus that of pictures and sentences, as csr."""
        if not dense.shape[1]:
            chunk.eliminate_zeros()
            return chunk.tocsr()
        candidates, chunk = np.flatnonzero(lift), chunk.toarray()
        chunk[:, candidates] += (dense[block] @ dense[candidates].T) * lift[candidates]
        diagonal = np.arange(len(chunk)), np.arange(block.start, block.stop)
        # Infinite, so that the diagonal stays among the top k.
        self_similarity, chunk[diagonal] = chunk[diagonal], np.inf
        best = top_k_of_dense(chunk, self.config.neighbors + 1)
        best.data[np.isinf(best.data)] = self_similarity
        return best

    def _words(self) -> Matrix:
        arrays = self.arrays
        parts = (arrays["word_data"], arrays["word_columns"], arrays["word_rows"])
        return sparse.csr_matrix(parts, shape=(self.n_items, int(arrays["word_shape"][0])))


def _blocks(start: int, stop: int) -> Iterator[slice]:
    size = block_rows(stop)
    return (slice(at, min(at + size, stop)) for at in range(start, stop, size))


def _padded(dense: Floats, width: int) -> Floats:
    """Return rows with the width of the fit; without pictures, whose columns come first, zeros take their place."""
    return np.hstack([np.zeros((len(dense), width - dense.shape[1]), np.float32), dense])


def _bags(catalog: Catalog) -> dict[str, text.Bags]:
    return {"attribute": text.attribute_bags(catalog), "word": text.word_bags(catalog)}


def _word_arrays(words: Matrix) -> Arrays:
    indices, indptr = words.indices.astype(np.int32), words.indptr.astype(np.int64)
    shape = np.array([words.shape[1]])
    return {"word_data": words.data, "word_columns": indices, "word_rows": indptr, "word_shape": shape}


def _unit_rows(vectors: Floats) -> Floats:
    """Return float32 rows of length 1; rows that are zero or not finite (no picture) become zero."""
    clean = np.nan_to_num(vectors, nan=0.0, posinf=0.0, neginf=0.0)
    return np.asarray(clean / np.maximum(np.linalg.norm(clean, axis=1, keepdims=True), 1e-9), np.float32)


def _catalog_from(catalog: Catalog, start: int) -> Catalog:
    """Return the catalog of the items from code `start` on."""
    names = ("titles", "descriptions", "categories", "brands", "attributes", "prices", "images")
    columns: dict[str, Any] = {name: getattr(catalog, name) for name in names}
    cut: dict[str, Any] = {name: None if column is None else column[start:] for name, column in columns.items()}
    return Catalog(item_ids=catalog.item_ids[start:], **cut)
