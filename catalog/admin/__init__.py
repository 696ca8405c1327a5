"""The merchandiser's catalog pages: products, and imports of product files."""

from catalog.admin import imports, products

__all__ = ["imports", "products"]
