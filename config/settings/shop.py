"""The shop: its name, its money, its region's rules on consent."""

from config import env

SHOP_NAME = env.text("SHOP_NAME", "Vitrine")
SHOP_CURRENCY = env.text("SHOP_CURRENCY", "EUR")

# region -> "opt_in" or "opt_out"; "*" is every other region.
CONSENT_RULES = env.mapping("CONSENT_RULES", {"*": "opt_in"})
CONSENT_DEFAULT_REGION = env.text("CONSENT_DEFAULT_REGION") or None

# Where storefronts and staff reach this installation.
PUBLIC_URL = env.text("PUBLIC_URL", "http://localhost:8000")
