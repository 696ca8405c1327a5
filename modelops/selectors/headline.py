"""The top of a version's report: three numbers, and where the version is weak."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from modelops.models import ModelVersion
from modelops.selectors.report.check_lines import GROUP_LOSS, group_in_words
from modelops.selectors.report.section import METRIC, number, value
from modelops.selectors.verdict import comparison_of, interval_text, percent, reference_in_words, relative


@dataclass(frozen=True, slots=True)
class Headline:
    """One number of a version: a title, the number, and what it means or is compared with."""

    title: str
    value: str
    note: str


def headlines_of(version: ModelVersion) -> list[Headline]:
    """Return accuracy, reach and speed of a version; what was not measured is left out."""
    headlines = (_accuracy(version), _reach(version), _speed(version))
    return [one for one in headlines if one is not None]


def _accuracy(version: ModelVersion) -> Headline | None:
    comparison = comparison_of(version.gate)
    if comparison is None:
        metrics = version.report.get("test", {}).get(version.stage, {}).get("together", {})
        ndcg = value(metrics, METRIC)
        return None if ndcg is None else Headline("Accuracy (NDCG@10)", number(ndcg), "on held-out shoppers")
    shares, reference = relative(comparison), reference_in_words(version.gate)
    note = f"{reference} {interval_text(comparison['reference'])}, {comparison['difference']['n']:,} shoppers"
    if shares is None:
        return Headline("Accuracy (NDCG@10)", number(comparison["challenger"]["value"]), note)
    span = f"{percent(shares[1])} to {percent(shares[2])}"
    return Headline(f"Accuracy against {reference}", percent(shares[0]), f"95 % interval {span}")


def _reach(version: ModelVersion) -> Headline | None:
    coverage = version.report.get("beyond", {}).get(version.stage, {}).get("coverage")
    note = "in the first ten of held-out shoppers"
    return None if coverage is None else Headline("Catalog shown", percent(coverage, signed=False), note)


def _speed(version: ModelVersion) -> Headline | None:
    check = next((one for one in version.gate.get("checks", ()) if one["name"] == "latency"), None)
    if check is not None:
        note = f"99 % of answers, timed by the gate; {check['limit']:.0f} ms allowed"
        return Headline("Time for one list", f"{check['value']:.1f} ms", note)
    p99, note = version.report.get("latency_ms", {}).get("p99"), "99 % of lists, timed during the training"
    return None if p99 is None else Headline("Time for one list", f"{p99:.1f} ms", note)


def weaknesses_of(version: ModelVersion) -> list[str]:
    """Return in words where a version answers worst: new products, a group of shoppers, or groups nobody judged."""
    return [*_new_products(version), *_worst_group(version), *_unjudged(version.gate)] if version.report else []


def _new_products(version: ModelVersion) -> Iterable[str]:
    tests = version.report.get("test", {}).get(version.stage, {})
    new, others = (value(tests.get(kind, {}), METRIC) for kind in ("cold", "warm"))
    if new is not None and others is not None and new < others:
        yield f"new products (NDCG@10 {number(new)}, known ones {number(others)})"


def _worst_group(version: ModelVersion) -> Iterable[str]:
    """Yield the worst group of the gate's; of a version judged before these were recorded, of the report's."""
    groups = version.gate.get("groups", ())
    means = {group_in_words(one["kind"], one["label"]): one["challenger"]["value"] for one in groups}
    if not means:
        thirds = version.report.get("groups", {}).items()
        means = {group_in_words("activity", name): one["value"] for name, one in thirds if one.get("value") is not None}
    if len(means) > 1:
        worst, best = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
        if means[worst] < means[best]:
            yield f"{worst} (NDCG@10 {number(means[worst])}; {best} {number(means[best])})"


def _unjudged(gate: dict[str, Any]) -> Iterable[str]:
    names = [check["name"] for check in gate.get("checks", ())]
    if not names or any(name.startswith(GROUP_LOSS) for name in names):
        return
    nothing_live = reference_in_words(gate) == "popular products"
    why = "nothing was live to lose against" if nothing_live else "each had fewer than 500 shoppers"
    yield f"no group of shoppers was judged ({why})"
