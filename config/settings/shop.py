"""The shop: name, currency, and consent rules of its regions."""

from typing import get_args
from zoneinfo import available_timezones

from common.money import DECIMALS
from config import env
from consents.rules import Mode, normalize_region, region_of_rule

SHOP_NAME = env.text("SHOP_NAME", "Vitrine")
# The demo's data set `complete-journey` was paid in dollars.
SHOP_CURRENCY = env.checked(
    "SHOP_CURRENCY",
    "USD" if env.text("DATASET") == "complete-journey" else "EUR",
    accepts=lambda raw: raw.upper() in DECIMALS,
    expected="an ISO 4217 code such as EUR",
).upper()

# The shop's time zone: days of performance begin and end by it. After a change run `manage.py recount_performance`.
SHOP_TIME_ZONE = env.checked(
    "SHOP_TIME_ZONE", "UTC", accepts=available_timezones().__contains__, expected="a time zone such as Europe/Berlin"
)

# The publishable key of the demo shop's own pages (/shop/).
SHOP_PUBLIC_KEY = env.text("SHOP_PUBLIC_KEY", "pk_demo")

# region -> "opt_in" or "opt_out"; "*" is every other region.
CONSENT_RULES = env.mapping("CONSENT_RULES", {"*": "opt_in"}, key=region_of_rule, choices=get_args(Mode))
CONSENT_DEFAULT_REGION = (
    env.checked("CONSENT_DEFAULT_REGION", "", accepts=normalize_region, expected="a region such as DE or US-CA") or None
)

# Traits of `identify` that may count in recommendations.
SHOPPER_ATTRIBUTES = env.listing(
    "SHOPPER_ATTRIBUTES", "region,country,language,device,age,age_band,household_size,loyalty,segment"
)

# The address of this installation for storefronts and staff.
# A mail server, for the one-time links of privacy requests; empty: staff hand the links over.
EMAIL_HOST = env.text("EMAIL_HOST")
EMAIL_PORT = env.integer("EMAIL_PORT", 587, minimum=1)
EMAIL_HOST_USER = env.text("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.text("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env.flag("EMAIL_USE_TLS", default=True)
EMAIL_TIMEOUT = 20
# Who answers for personal data, and how to reach them: stands on the record of processing.
PRIVACY_CONTACT = env.text("PRIVACY_CONTACT")
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "privacy@localhost")
PUBLIC_URL = env.text("PUBLIC_URL", "http://localhost:8000")
# The header in which a trusted proxy names the visitor's region, such as CF-IPCountry; empty: none.
CONSENT_REGION_HEADER = env.text("CONSENT_REGION_HEADER")
# Dotted path of a function from an IP address to a region code (DE, US-CA) or None; empty: none.
CONSENT_REGION_RESOLVER = env.text("CONSENT_REGION_RESOLVER")
