"""The simulated catalog: designs of every kind in every style, each in a few colors. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from demo.simulation.vocabulary import (
    ANY_ROOM,
    KINDS,
    MATERIALS,
    SERIES,
    SHADES,
    SORTS,
    STYLES,
    WOODEN,
    WOODS,
    Kind,
    Style,
)

VARIANTS = (1, 2, 3)
VARIANT_SHARES = (0.25, 0.45, 0.30)
P_ARRIVES, FIRST_ARRIVAL = 0.2, 1 / 3
"""Share of designs that go on sale during the simulated period, and the earliest part of it for that."""


@dataclass(frozen=True, slots=True)
class SimulatedProduct:
    """One product with its hidden simulation parameters.

    `level` is the price level within its kind (0 cheapest, 1 most expensive). `appeal` is the log of its base
    popularity. `trend` is the change of the log popularity over the period. `arrives` is the part of the period, 0 to
    1, after which the product goes on sale.
    """

    product_id: str
    kind: Kind
    style: int
    color: str
    group_id: str
    level: float
    appeal: float
    trend: float
    arrives: float
    data: dict[str, Any]


def make_products(*, seed: int, currency: str = "EUR") -> list[SimulatedProduct]:
    """Return the catalog of one seed, about 620 products; the same seed gives the same products."""
    rng, dates, names = (np.random.default_rng((seed, part)) for part in (1, 4, 5))
    products: list[SimulatedProduct] = []
    for kind in KINDS:
        for design, series in enumerate(map(str, names.choice(SERIES, size=kind.groups, replace=False))):
            # One design of each kind is on sale from the start, so that complements always exist.
            arrives = float(dates.uniform(FIRST_ARRIVAL, 1.0)) if design and dates.random() < P_ARRIVES else 0.0
            number = len(products) + 1
            products += _design(
                kind, design, rng, series=series, first_number=number, currency=currency, arrives=arrives
            )
    return products


def _design(
    kind: Kind, design: int, rng: np.random.Generator, *, series: str, first_number: int, currency: str, arrives: float
) -> Iterator[SimulatedProduct]:
    """Yield the color variants of one design; they share price, style, appeal, trend and day of arrival."""
    style_code = int((design + rng.integers(0, 2)) % len(STYLES))
    style = STYLES[style_code]
    level = float(rng.beta(1.3, 1.9))
    appeal, trend = float(rng.normal(0, 0.7)), float(rng.choice((0.0, 1.8, -1.5), p=(0.8, 0.1, 0.1)))
    material, brand = str(rng.choice(_materials(kind, style))), str(rng.choice(style.brands))
    group_id = f"{series}-{kind.key}-{design + 1}".lower()
    colors = rng.choice(style.colors, size=int(rng.choice(VARIANTS, p=VARIANT_SHARES)), replace=False)
    price, room = _price(kind, level), "" if kind.key in ANY_ROOM else kind.room
    for offset, color in enumerate(map(str, colors)):
        product_id = f"P{first_number + offset:04d}"
        attributes = _attributes(kind, offset, color=color, material=material)
        data = {
            "title": f"{series} {kind.noun}, {next(iter(attributes.values()))}",
            "description": _description(kind, style, series=series, room=room, attributes=attributes),
            "category": list(kind.path),
            "brand": brand,
            "price": f"{price:.2f}",
            "compare_at_price": f"{_rounded(price * 1.2):.2f}" if rng.random() < 0.12 else None,
            "cost": f"{price * float(rng.uniform(0.38, 0.62)):.2f}",
            "currency": currency,
            "stock": int(rng.choice((0, int(rng.integers(3, 240))), p=(0.03, 0.97))),
            "active": True,
            "group_id": group_id,
            "attributes": {**attributes, "style": style.key, **({"room": room} if room else {})},
            "url": f"/shop/products/{product_id}",
            "image_url": f"/shop/pictures/{kind.picture}/{color}/{style.key}.svg",
            "available_from": None,
        }
        shade = float(rng.normal(0, 0.25))
        yield SimulatedProduct(
            product_id, kind, style_code, color, group_id, level, appeal + shade, trend, arrives, data
        )


def _price(kind: Kind, level: float) -> float:
    """Return a price, log-spaced between the kind's bounds."""
    return _rounded(float(kind.low * (kind.high / kind.low) ** level))


def _rounded(raw: float) -> float:
    """Return a price that ends in .90, or in a full ten from 100 on."""
    return float(round(raw) - 0.10) if raw < 100 else float(round(raw / 10) * 10)


def _materials(kind: Kind, style: Style) -> tuple[str, ...]:
    return MATERIALS.get(kind.key) or MATERIALS.get(kind.path[0]) or style.materials


def _attributes(kind: Kind, offset: int, *, color: str, material: str) -> dict[str, str]:
    """Return what tells the variants of a design apart, first, and the material where the kind has one."""
    if kind.key in SORTS:
        name, values = SORTS[kind.key]
        return {name: values[offset]}
    if material in WOODEN:
        return {"color": color, "material": color if color in WOODS else material}
    return {"color": SHADES.get(color, color), "material": material}


def _description(kind: Kind, style: Style, *, series: str, room: str, attributes: dict[str, str]) -> str:
    """Return a sentence such as "Alma sofa in honey linen for the living room: light and calm. Part of …"."""
    finish = " ".join(dict.fromkeys(attributes.values()))
    joined = f", {finish}" if kind.key in SORTS else f" in {finish}"
    home = f"{',' if kind.key in SORTS else ''} for the {room.lower()}" if room else ""
    return f"{series} {kind.noun}{joined}{home}: {style.mood}. Part of our {style.key} range."
