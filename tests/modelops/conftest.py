"""The shop of these tests is the small furniture shop."""

from tests.shop_fixtures import browser, lessons, live_model, server, stocked_shop

__all__ = ["browser", "lessons", "server", "stocked_shop", "live_model"]
