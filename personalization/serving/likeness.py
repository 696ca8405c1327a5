"""Whether two products are alike: only then a reason says "similar"."""

from personalization.serving.serving_catalog import ServingCatalog

LEAST_LIKENESS = 0.3
"""The cosine of texts from which products of unknown category are alike."""


def is_alike(serving_catalog: ServingCatalog, code: int, cause: int) -> bool:
    """Return whether two products share the category path or, where one has none, enough words and attributes."""
    category_of = serving_catalog.columns.category_of
    paths: list[str] = [serving_catalog.columns.categories[category_of[one]] for one in (code, cause)]
    if all(paths):
        return paths[0] == paths[1]
    return bool(serving_catalog.kinship.similarities(cause)[code] >= LEAST_LIKENESS)
