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
from modelops.selectors.report.running import cold_start_gap, data, drift, gate, served, speed, stability
from modelops.selectors.report.section import Section
from modelops.selectors.report.spread import exposure, reach

__all__ = ["EVERYTHING", "PARTS", "SUMMARY", "Section", "figures", "sections_of"]
Make = Callable[[ModelVersion], Section | None]
SUMMARY, EVERYTHING = "summary", "all"


def _of_report(make: Callable[[Mapping[str, Any]], Section | None]) -> Make:
    return lambda version: make(version.report)


PARTS: Mapping[str, tuple[str, tuple[Make, ...]]] = {
    SUMMARY: ("Gate", (lambda version: gate(version.gate), _of_report(ladder))),
    "accuracy": ("Accuracy", tuple(map(_of_report, (sources, released, groups, newcomers, next_item)))),
    "learning": ("What it learned", tuple(map(_of_report, (ablation, importance, tuning, ratings, surprise)))),
    "reach": ("Reach and fairness", (*map(_of_report, (reach, exposure)), served, lambda version: cold_start_gap())),
    "running": ("Data, speed, drift", (_of_report(stability), speed, _of_report(data), drift)),
}
"""Parts of the report by the name in the address: a title, and what makes its sections."""


def sections_of(version: ModelVersion, part: str = EVERYTHING) -> list[Section]:
    """Return the sections of a part, or of all, that there are data for."""
    makers = PARTS[part][1] if part in PARTS else [make for _, own in PARTS.values() for make in own]
    made = (make(version) for make in makers)
    return [section for section in made if section is not None and (section.rows or section.left_out)]


def figures(sections: Iterable[Section]) -> dict[str, plots.Figure]:
    """Return the plots by the slug of their section."""
    return {section.slug: section.figure for section in sections if section.figure is not None}
