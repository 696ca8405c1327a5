"""The summary of an evaluation's report, as lines for a terminal. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

MIN_SHOPPERS = 50
"""With fewer shoppers a 95 % interval covers the true value less than nine times in ten; with five, half the time."""
TRADEOFF_METRICS = (("ndcg", "NDCG@10"), ("gini", "Gini"), ("coverage", "coverage"))


def summary_lines(report: Mapping[str, Any]) -> list[str]:
    """Return the lines of the summary."""
    ours = report["ours"]
    lines = [f"{report['protocol']}, {report['mode']}, {report['questions']} questions: released is {ours['stage']}"]
    lines.append(_removed_line(ours["data"]))
    lines += [
        _interval_line(f"  stage {step['stage']} ({step['name']}), validation", step["ndcg"]) for step in ours["ladder"]
    ]
    lines += [_metric_line(f"  {kind} targets", report["released"][kind]) for kind in ("warm", "cold", "together")]
    lines += [_metric_line(f"  own {name}", metrics["warm"]) for name, metrics in ours["test"].items()]
    lines += [_metric_line(f"  peer {name}", metrics["warm"]) for name, metrics in report.get("peers", {}).items()]
    if missing := report.get("peers_not_installed"):
        lines.append(f"  peers that are not installed: {', '.join(missing)}")
    for name, kind in (("newest_in_last_category", "cold"), ("cold_alone", "cold"), ("frozen_profile", "together")):
        if name in report:
            lines.append(_metric_line(f"  {name}, {kind}", report[name][kind]))
    for visitor, metrics in report.get("visitors", {}).items():
        lines.append(_visit_line(f"  {visitor} shoppers, warm", metrics["warm"]))
    if later := report.get("appeared_later", {}).get("shoppers"):
        lines.append(
            f"  {later} of those with a cold target wanted what has its first_seen after the cut: none could propose it"
        )
    if ours["exposure"]["chosen"] and ours["exposure"]["curve"]:  # the stages popular and single have no curve
        lines.append(_exposure_line(**ours["exposure"]))
    for kind, whose in (("source", "own "), ("peer", "")):
        if f"best_{kind}" in report:
            over = report[f"over_best_{kind}"]
            times = f" ×{over['ratio']:.3f}" if over["ratio"] is not None else ""
            words = f"  {over['metric']}: over {whose}{report[f'best_{kind}']}{times}, difference"
            lines.append(_interval_line(words, over["difference"]))
    lines += visit_lines(report.get("visit_bars", ()))
    if 0 < (shoppers := report["released"]["warm"]["ndcg@10"]["n"]) < MIN_SHOPPERS:
        advice = "" if report["protocol"] == "leave-one-out" else " --protocol leave-one-out may ask more."
        lines.append(
            f"  Shoppers with a warm target: {shoppers}. Of fewer than {MIN_SHOPPERS}, intervals are too short and a "
            f"difference may be chance.{advice}"
        )
    return lines


def _metric_line(name: str, metrics: dict[str, Any]) -> str:
    line = _interval_line(f"{name}: NDCG@10", metrics["ndcg@10"])
    return line + f"  HR@10 {metrics['hit_rate@10']['value']:.4f}" if metrics["ndcg@10"]["n"] else line


def visit_lines(bars: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return one line for each comparison of `visit_bars`."""
    lines = []
    for bar in bars:
        times = f" ×{bar['ratio']:.3f}" if bar["ratio"] is not None else ""
        words = f"  {bar['visitors']} visitors, {bar['targets']}, {bar['questions']} questions: {bar['metric']}"
        words += f" {bar['released']:.4f} over {bar['peer']} {bar['best']:.4f}{times}, difference"
        lines.append(_interval_line(words, bar["difference"]))
    return lines


def _visit_line(name: str, metrics: dict[str, Any]) -> str:
    line = _interval_line(f"{name}: HR@20", metrics["hit_rate@20"])
    return line + f"  MRR@20 {metrics['mrr@20']['value']:.4f}" if metrics["hit_rate@20"]["n"] else line


def _removed_line(data: Mapping[str, Any]) -> str:
    rules = [one for one in data["removed"] if one["rows"]]
    rows = sum(one["rows"] for one in rules)
    reasons = "; ".join(f"{one['rows']:,} {one['rule']} ({one['reason']})" for one in rules)
    return f"  {rows:,} of {data['interactions'] + rows:,} rows removed{': ' if rules else ''}{reasons}"


def _exposure_line(*, chosen: float, curve: Sequence[Mapping[str, Any]]) -> str:
    before, after = (next(one for one in curve if one["strength"] == strength) for strength in (0.0, chosen))
    changes = (f"{title} {before[name]:.4f} to {after[name]:.4f}" for name, title in TRADEOFF_METRICS)
    return f"  over-exposed items held back by {chosen:g}, validation: {', '.join(changes)}"


def _interval_line(name: str, interval: dict[str, Any]) -> str:
    if not interval["n"]:
        return f"{name} of nobody"
    return f"{name} {interval['value']:.4f} [{interval['low']:.4f}, {interval['high']:.4f}] n={interval['n']}"
