"""How many shoppers each part of the report is measured on. Pages state them; this module imports nothing."""

ABLATED = 200
"""Shoppers that the ablation is told of; here, since the report's page, which needs no learning, says so too."""
SHUFFLED_OF = 200
"""Shoppers that the importance of features is told of."""
TRADED = 1_000
"""Shoppers that the exposure constraint is measured on."""
