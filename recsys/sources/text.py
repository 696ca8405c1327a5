"""TF-IDF of words of titles and descriptions, and of attributes. Pure."""

import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
from scipy import sparse

from recsys.data.catalog import Catalog
from recsys.sources.matrix import (
    Matrix,
    inverse_power,
    scaled_columns,
    scaled_rows,
)
from recsys.sources.storage import Array

Bags = list[Counter[str]]
WORD = re.compile(r"[^\W_]{2,}")
MARKUP = re.compile(r"<[!/]?[A-Za-z-][^<>]*>")
ENTITY = re.compile(r"&(?:#\d{1,7}|#[Xx][\dA-Fa-f]{1,6}|[A-Za-z][\dA-Za-z]{1,31});")
INVISIBLE = re.compile("[\u00ad\u200c-\u200f\u2060\ufe00-\ufe0f\ufeff]")
"""Invisible characters (soft hyphens, joiners, direction marks) that do not change a word."""
COMBINING_MARKS = "".join(
    mark for mark in map(chr, range(0x300, 0x10000)) if unicodedata.category(mark) in {"Mn", "Mc"}
)
"""Vowel signs and accents that combine with a letter; `\\w` does not match them."""
UNSPACED = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"  # kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # ideographs
    "\u0e01-\u0e4e\u0e81-\u0ece\u1000-\u103f\u1050-\u109f\u1780-\u17d3"  # Thai, Lao, Burmese, Khmer
)
"""Letters of scripts without spaces between words."""
RUN = re.compile(
    f"([{UNSPACED}][{UNSPACED}{COMBINING_MARKS}]*)|[^\\W_{UNSPACED}](?:[^\\W_{UNSPACED}]|[{COMBINING_MARKS}])+"
)
LETTER = re.compile(f"[{COMBINING_MARKS}]*[^{COMBINING_MARKS}][{COMBINING_MARKS}]*|[{COMBINING_MARKS}]+")

TITLE_WEIGHT = 1 + np.log(2)
"""The weight, before idf, of a word that a title has once: it counts twice."""


def word_bags(catalog: Catalog) -> Bags:
    """Return the word counts of each item; words of the title count twice."""
    titles = catalog.titles or ("",) * catalog.n_items
    descriptions = catalog.descriptions or ("",) * catalog.n_items
    return [
        Counter(tokenize(f"{title} {title} {description}"))
        for title, description in zip(titles, descriptions, strict=True)
    ]


def tokenize(text: str) -> list[str]:
    """Return the lower-case words of a text, without markup.

    In scripts without spaces between words, each pair of consecutive letters is a token. Otherwise a title of eight
    ideographs would be one word that no other product has.
    """
    text = ENTITY.sub(lambda tokens: html.unescape(tokens[0]), MARKUP.sub(" ", text))
    if text.isascii():
        return WORD.findall(text.lower())
    text = INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).casefold()
    text = text.replace("i\u0307", "i").replace("ı", "i")  # upper case does not tell i from dotless i
    tokens: list[str] = []
    for match in RUN.finditer(text):
        if not match[1]:
            tokens.append(match[0])
            continue
        letters = LETTER.findall(match[1])
        tokens += map("".join, zip(letters, letters[1:], strict=False)) if len(letters) > 1 else letters
    return tokens


def attribute_bags(catalog: Catalog) -> Bags:
    """Return the attribute terms of each item: all levels of its category path, brand, attributes and price band."""
    return [
        Counter(dict.fromkeys((" ".join(fact.split()) for fact in _attribute_terms(catalog, item) if fact.strip()), 1))
        for item in range(catalog.n_items)
    ]


def _attribute_terms(catalog: Catalog, item: int) -> Iterator[str]:
    if catalog.categories and (path := catalog.categories[item]):
        levels = path.split("/")
        yield from ("category=" + "/".join(levels[: depth + 1]) for depth in range(len(levels)))
    if catalog.brands and catalog.brands[item]:
        yield f"brand={catalog.brands[item]}"
    if catalog.attributes:
        yield from catalog.attributes[item]
    if catalog.prices is not None and catalog.prices[item] > 0:
        yield f"price band={int(np.log2(catalog.prices[item]) * 2)}"


def taste_bags(catalog: Catalog) -> Bags:
    """Return the attributes and the brand of each item: what products of different categories may share."""
    attributes = catalog.attributes or ((),) * catalog.n_items
    brands = catalog.brands or ("",) * catalog.n_items
    return [
        Counter(dict.fromkeys((*own, *([f"brand={brand}"] if brand else ())), 1))
        for own, brand in zip(attributes, brands, strict=True)
    ]


def build_vocabulary(bags: Bags, *, most_common: int, largest: int) -> dict[str, int]:
    """Return word -> column of the most frequent words, at most `largest`, that 2 to `most_common` items have."""
    counts = Counter(word for bag in bags for word in bag)
    common = [word for word, count in counts.items() if 1 < count <= most_common]
    common = sorted(common, key=lambda word: (-counts[word], word))[:largest]
    return {word: column for column, word in enumerate(sorted(common))}


def tfidf(bags: Bags, columns: dict[str, int], idf: Array | None = None) -> tuple[Matrix, Array]:
    """Return csr float32[n, n_words] of (1 + log count) · idf, and idf, float32[n_words], computed unless given."""
    cells = [[(columns[word], count) for word, count in bag.items() if word in columns] for bag in bags]
    indptr = np.cumsum([0, *(len(row) for row in cells)])
    indices, counts = _flat(cells)
    matrix = sparse.csr_matrix((1 + np.log(counts), indices, indptr), shape=(len(bags), len(columns)), dtype=np.float32)
    matrix.sort_indices()
    if idf is None:
        documents = np.bincount(indices, minlength=len(columns))
        idf = (np.log((1 + len(bags)) / (1 + documents)) + 1).astype(np.float32)
    return scaled_columns(matrix, idf), idf


def unit_rows(matrix: Matrix) -> Matrix:
    """Return the matrix with rows scaled to length 1; rows of zeros stay."""
    squares = np.asarray(matrix.multiply(matrix).sum(axis=1), np.float32).ravel()
    return scaled_rows(matrix, inverse_power(squares, 0.5))


def _flat(rows: Iterable[list[tuple[int, int]]]) -> tuple[Array, Array]:
    pairs = [pair for row in rows for pair in row]
    columns = np.array([column for column, _ in pairs], np.int64)
    return columns, np.array([count for _, count in pairs], np.float64)
