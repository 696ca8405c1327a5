"""Fits several sources, two at a time."""

from collections.abc import Mapping

from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.parallel import run_parallel
from recsys.progress import Progress, silent
from recsys.sources.scoring import Scoring


def fit_all(
    sources: Mapping[str, Scoring], past: Interactions, catalog: Catalog, *, progress: Progress = silent
) -> dict[str, Scoring]:
    """Return the sources, fitted on the past, in the order of their names; `progress` gets each name."""
    return run_parallel(lambda name: sources[name].fit(past, catalog), sorted(sources), progress=progress)
