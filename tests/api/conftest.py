"""The shop of these tests is that of personalization."""

from tests.personalization.conftest import stocked

__all__ = ["stocked"]
