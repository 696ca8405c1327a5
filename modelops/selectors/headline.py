"""The three numbers at the top of a version's report."""

from dataclasses import dataclass

from modelops.models import ModelVersion
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
        return Headline(
            "Time for one list", f"{check['value']:.1f} ms", f"99 % of lists; {check['limit']:.0f} ms allowed"
        )
    p99 = version.report.get("latency_ms", {}).get("p99")
    return None if p99 is None else Headline("Time for one list", f"{p99:.1f} ms", "99 % of lists")
