"""The evaluation report of a version as sections of a page: each a table, most with a plot of the same numbers.

A version may lack parts (it was trained before they were measured, or the shop has no ratings): those sections are left
out. Nothing here computes a metric; training did.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from modelops.models import ModelVersion
from modelops.selectors import plots
from modelops.selectors.report.accuracy import (
    groups,
    ladder,
    newcomers,
    next_item,
    released,
    sources,
)
from modelops.selectors.report.learning import ablation, importance, tuning
from modelops.selectors.report.ratings import ratings, surprise
from modelops.selectors.report.running import (
    data,
    drift,
    gate,
    served,
    speed,
    stability,
    warm_and_cold_over_time,
)
from modelops.selectors.report.section import Section
from modelops.selectors.report.spread import exposure, reach

SECTIONS: tuple[Callable[[Mapping[str, Any]], Section | None], ...] = (
    ladder, sources, released, groups, newcomers, next_item, ablation, importance, tuning, reach, exposure,
    stability, ratings, surprise, speed, data,
)  # fmt: skip


def sections_of(version: ModelVersion) -> list[Section]:
    """Return the sections there are data for."""
    sections = (make(version.report) for make in SECTIONS)
    made = [gate(version.gate), *sections, drift(version), served(version), warm_and_cold_over_time()]
    return [section for section in made if section is not None and section.rows]


def figures(sections: Iterable[Section]) -> dict[str, plots.Figure]:
    """Return the plots by the slug of their section."""
    return {section.slug: section.figure for section in sections if section.figure is not None}
