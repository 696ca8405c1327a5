"""Length and number limits of products. Pure."""

from decimal import Decimal
from typing import Final

ID: Final = 255
TITLE: Final = 500
DESCRIPTION: Final = 50_000
CATEGORY: Final = 200
CATEGORY_DEPTH: Final = 10
BRAND: Final = 200
URL: Final = 2_000
PRICE: Final = Decimal("999999999999.9999")
PRICE_DECIMALS: Final = 4
STOCK: Final = 2_000_000_000
ATTRIBUTES: Final = 200
ATTRIBUTE_NAME: Final = 100
ATTRIBUTE_TEXT: Final = 1_000
ATTRIBUTE_VALUES: Final = 100

BULK_BYTES: Final = 16 * 1024 * 1024
BULK_LINES: Final = 20_000
BULK_LINE_BYTES: Final = 128 * 1024

PREVIEW_ROWS: Final = BULK_LINES
"""Rows of a file whose changes a page shows before they are written."""
IMPORT_ROWS: Final = 1_000_000
IMPORT_BYTES: Final = 90 * 1024 * 1024
"""Rows and bytes of a file that is imported in the background. The proxy refuses bodies of 100 MB."""
JSON_BYTES: Final = BULK_BYTES
"""A JSON file is read as a whole."""
