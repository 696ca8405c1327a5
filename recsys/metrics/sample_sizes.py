"""Sample sizes of parts of the evaluation report. Imports nothing, so that pages can show them without ML libraries."""

ABLATION_SHOPPERS = 200
"""Shoppers of the ablation by source."""
IMPORTANCE_SHOPPERS = 200
"""Shoppers of the permutation importance of features."""
EXPOSURE_SHOPPERS = 1_000
"""Shoppers of the exposure constraint's trade-off."""
