"""A model that learned from few data serves no worse than none: what is alike fills its lists, the cart is left out."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from modelops.services.registry import promote
from tests.modelops.releases import passed_version
from tests.personalization.shop import ADA, does, inside, views
from tests.recsys.furniture import model

if TYPE_CHECKING:
    from rest_framework.test import APIClient

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stocked_shop")]


@pytest.fixture
def single_model() -> None:
    """A live model whose released stage is one source, which knows what few shoppers viewed together."""
    whole = model(("popular", "covisitation", "content"))
    single = replace(whole, manifest={**whole.manifest, "stage": "single", "single": "covisitation"})
    promote(passed_version(single), actor="staff:1")


def home(browser: "APIClient") -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = browser.get("/api/v1/recommendations/home", ADA).json()["items"]
    return items


@pytest.mark.usefixtures("single_model")
def test_a_short_list_of_the_model_is_filled_by_what_is_alike_before_what_is_popular(browser: "APIClient") -> None:
    views(inside(ADA), "bulb")

    items = home(browser)

    codes = [item["reason"]["code"] for item in items]
    n_personal = next((at for at, code in enumerate(codes) if code in ("popular", "trending")), len(codes))
    assert "lamp" in [item["product_id"] for item in items[:n_personal]], "lamp and bulb are both of Light, by Lux"
    assert n_personal >= 3
    assert all(code not in ("popular", "trending") for code in codes[:n_personal])


@pytest.mark.usefixtures("live_model")
def test_home_does_not_show_what_lies_in_the_cart(browser: "APIClient") -> None:
    views(inside(ADA), "desk")
    assert "lamp" in [item["product_id"] for item in home(browser)]

    does(inside(ADA), "Product Added", "lamp")
    assert "lamp" not in [item["product_id"] for item in home(browser)]

    does(inside(ADA), "Product Removed", "lamp")
    assert "lamp" in [item["product_id"] for item in home(browser)]
