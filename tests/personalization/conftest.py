"""The shop of these tests is the small furniture shop."""

from tests.shop_fixtures import browser, server, short_rankers, stocked, trained

__all__ = ["browser", "server", "short_rankers", "stocked", "trained"]
