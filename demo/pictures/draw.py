"""Draws one product: background in its style, shadow, product in its color. Pure."""

from typing import Final

from demo.pictures.furniture import FURNITURE
from demo.pictures.things import THINGS
from demo.simulation.vocabulary import COLORS

DRAWINGS: Final = FURNITURE | THINGS
GROUNDS: Final = {
    "nordic": ("#eef2f4", "#dbe4e9"), "industrial": ("#e7e4e0", "#cdc7c0"), "country": ("#f4efe3", "#e6dcc6"),
    "modern": ("#eef0f5", "#d9dcea"), "japandi": ("#f0ece3", "#ddd6c7"), "boho": ("#f7ebe0", "#ecd3bd"),
    "grocery": ("#eff5ec", "#d8e8d2"),
}  # fmt: skip


def draw(picture: str, *, color: str, style: str) -> str:
    """Return the SVG of a picture. Raises KeyError for an unknown picture, color or style."""
    light, deep = GROUNDS[style]
    base = COLORS[color]
    body = DRAWINGS[picture].format(c=base, d=mix(base, "#1d1a17", 0.28), l=mix(base, "#ffffff", 0.34), w=_wood(color))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 400 400" width="400" height="400">'
        f'<defs><linearGradient id="g" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="{light}"/>'
        f'<stop offset="1" stop-color="{deep}"/></linearGradient></defs><rect width="400" height="400" fill="url(#g)"/>'
        f'<path d="M0 308h400v92H0z" fill="{mix(deep, "#1d1a17", 0.09)}"/>'
        f'<ellipse cx="200" cy="320" rx="150" ry="13" fill="{mix(deep, "#1d1a17", 0.25)}" opacity=".55"/>{body}</svg>'
    )


def mix(first: str, second: str, share: float) -> str:
    """Return the color `share` of the way from the first hex color to the second."""
    pairs = zip(_channels(first), _channels(second), strict=True)
    return "#" + "".join(f"{round(one + (two - one) * share):02x}" for one, two in pairs)


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _wood(color: str) -> str:
    """Return what legs and handles are made of: light wood, but brass on dark or wooden things."""
    return "#b9934b" if color in ("black", "navy", "forest", "teal", "oak") else "#a87d4f"
