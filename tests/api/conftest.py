"""The shop of these tests is that of personalization."""

from tests.shop_fixtures import stocked

__all__ = ["stocked"]
