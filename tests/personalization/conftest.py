"""The shop of these tests is the small furniture shop."""

from tests.shop_fixtures import browser, live_model, repeat_model, server, short_rankers, stocked_shop

__all__ = ["browser", "live_model", "repeat_model", "server", "short_rankers", "stocked_shop"]
