"""The shop of these tests is the small furniture shop."""

from tests.shop_fixtures import browser, lessons, server, stocked, trained

__all__ = ["browser", "lessons", "server", "stocked", "trained"]
