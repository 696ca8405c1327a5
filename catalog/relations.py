"""The catalog as a relation: SQL for rooms that count whole tables at once."""

from typing import Final

COSTS: Final = """
SELECT product_id, cost FROM catalog_product WHERE cost IS NOT NULL AND currency = %(currency)s
"""
"""What each product costs the shop, where that is known in the shop's currency (`%(currency)s`)."""
