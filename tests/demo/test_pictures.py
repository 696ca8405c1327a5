"""All pictures of the catalog can be drawn, are well formed, and are cacheable."""

from xml.etree import ElementTree

import pytest
from django.test import Client

from demo.pictures.draw import DRAWINGS, draw
from demo.simulation.catalog import make_products


@pytest.mark.parametrize("picture", sorted(DRAWINGS))
def test_drawing_is_well_formed_and_repeatable(picture: str) -> None:
    svg = draw(picture, color="sage", style="nordic")

    assert ElementTree.fromstring(svg).tag.endswith("svg")
    assert svg == draw(picture, color="sage", style="nordic")
    assert svg != draw(picture, color="navy", style="boho")


def test_all_product_pictures_are_served() -> None:
    client = Client()

    addresses = {product.data["image_url"] for product in make_products(seed=7)}
    answers = [client.get(address) for address in sorted(addresses)[:40]]

    assert {answer.status_code for answer in answers} == {200}
    assert {answer["Content-Type"] for answer in answers} == {"image/svg+xml"}
    assert "immutable" in answers[0]["Cache-Control"]


def test_an_unknown_picture_is_not_found() -> None:
    assert Client().get("/shop/pictures/dragon/sage/nordic.svg").status_code == 404
