"""Fits several sources, two at a time."""

from collections.abc import Mapping

from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.parallel import Waiting, side_by_side
from recsys.progress import silent
from recsys.sources.scoring import Scoring


def fitted(
    sources: Mapping[str, Scoring], past: Interactions, catalog: Catalog, *, waiting: Waiting = silent
) -> dict[str, Scoring]:
    """Return the sources, in the order of their names, fitted on the past; `waiting` as in `side_by_side`."""
    return side_by_side(lambda name: sources[name].fit(past, catalog), sorted(sources), waiting=waiting)
