"""The shop of these tests is that of personalization."""

from tests.shop_fixtures import stocked_shop

__all__ = ["stocked_shop"]
