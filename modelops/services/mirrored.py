"""A model version in MLflow's terms: tags, parameters, metrics, and the report as a page with its plots."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from modelops.models import ModelVersion
from modelops.selectors.report import sections_of
from modelops.selectors.report.section import Section, Two

LONGEST = 500
"""The longest parameter value that every MLflow store accepts."""
FIGURES = (
    "test",
    "beyond",
    "groups",
    "next_item",
    "ablation",
    "importance",
    "candidate_recall",
    "validation_singles",
    "settings",
    "rmse",
    "surprise",
    "latency_ms",
)
"""Parts of the report that consist of nested numbers."""
FOREIGN = re.compile(r"[^\w\-. ]")
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>body{{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}}
table{{border-collapse:collapse}}td,th{{text-align:left;padding:.2rem .9rem .2rem 0;border-bottom:1px solid #ddd}}
small{{color:#666}}</style>
<h1>{title}</h1>{body}</html>
"""


def tags_of(row: ModelVersion) -> dict[str, str]:
    """Return the version's identity and state."""
    return {
        "version": row.version,
        "artifact_hash": row.artifact_hash,
        "data_hash": row.data_hash,
        "stage": row.stage,
        "state": row.state,
        **({"pruned_at": row.pruned_at.isoformat()} if row.pruned_at else {}),
    }


def params_of(row: ModelVersion) -> dict[str, str]:
    """Return all chosen settings: seed, stage, quotas, blend weights, the settings of each source."""
    report = row.report
    settings: dict[str, Any] = {
        "seed": row.seed,
        "stage": row.stage,
        "single": report.get("single"),
        "exposure": report.get("exposure", {}).get("chosen"),
        "candidates": report.get("quotas", {}),
        "event_weight": report.get("event_weights", {}),
        "blend": report.get("blend", {}),
        "source": {name: one.get("config", {}) for name, one in report.get("tuning", {}).items()},
    }
    values = ((name, value) for name, value in _leaves(settings) if value is not None)
    return {name: str(value)[:LONGEST] for name, value in values}


def metrics_of(row: ModelVersion) -> dict[str, float]:
    """Return all numbers: the version's metrics, the report's with their intervals, the gate's."""
    report = row.report
    data = report.get("data", {})
    return flat_metrics(
        {
            **row.metrics,
            **{part: report.get(part, {}) for part in FIGURES},
            "ladder": {step["stage"]: step for step in report.get("ladder", ())},
            "gate": {check["name"]: check["value"] for check in row.gate.get("checks", ())},
            "stability": report.get("stability", {}).get("value"),
            "cold_start": _by("events", report.get("cold_start", ())),
            "exposure": _by("strength", report.get("exposure", {}).get("curve", ())),
            "trained": {name: size for name, size in data.items() if isinstance(size, int)},
            "removed": {one["rule"]: one["rows"] for one in data.get("removed", ())},
        }
    )


def flat_metrics(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Return nested numbers by dotted names in MLflow's alphabet: `{"ndcg@10": {"mean": .5}}` → `ndcg_at_10.mean`."""
    numbers = ((name, value) for name, value in _leaves(metrics) if isinstance(value, int | float))
    return {name: float(value) for name, value in numbers if not isinstance(value, bool)}


def page_of(row: ModelVersion) -> str:
    """Return the evaluation report as one self-contained HTML file."""
    import plotly.io

    parts, with_library = [], True
    for section in sections_of(row):
        parts.append(f"<h2>{escape(section.title)}</h2><p>{escape(section.note)}</p>")
        if section.figure is not None:
            plot = plotly.io.to_html(
                section.figure, include_plotlyjs=with_library, full_html=False, validate=False, div_id=section.slug
            )
            parts.append(plot)
            with_library = False
        parts.append(_table(section))
    return PAGE.format(title=escape(f"Evaluation of {row.version}"), body="\n".join(parts))


def plots_of(row: ModelVersion) -> dict[str, str]:
    """Return each figure as plotly's JSON, by its slug."""
    return {one.slug: json.dumps(one.figure, indent=1) for one in sections_of(row) if one.figure is not None}


def _table(section: Section) -> str:
    if not section.rows:
        return ""
    head = "".join(f"<th>{escape(column)}</th>" for column in section.columns if isinstance(column, str))
    rows = ("".join(f"<td>{_cell(cell)}</td>" for cell in row) for row in section.rows)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(cell: str | Two) -> str:
    if isinstance(cell, Two):
        return f"{escape(cell.head)}<br><small>{escape(cell.tail)}</small>"
    return escape(cell)


def _by(part: str, points: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the points of a curve keyed by one of their fields; None becomes "all"."""
    return {
        "all" if point[part] is None else str(point[part]): {k: v for k, v in point.items() if k != part}
        for point in points
    }


def _leaves(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield all values that are no mappings, with their dotted paths."""
    for key, value in tree.items():
        name = prefix + FOREIGN.sub(".", str(key).replace("@", "_at_"))
        if isinstance(value, Mapping):
            yield from _leaves(value, name + ".")
        else:
            yield name, value
