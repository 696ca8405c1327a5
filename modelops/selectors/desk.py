"""What the pages of models show: verdicts, accuracy by version, and one version against the live one."""

from collections.abc import Sequence
from typing import Any, Final

from django.db.models import F, Func, JSONField, Value

from common.errors import NotFound
from modelops.models import ModelState, ModelVersion
from modelops.selectors import plots
from modelops.selectors.comparison import TITLES, with_titles
from modelops.selectors.report.section import METRIC, Section, number
from modelops.selectors.verdict import interval_text, percent, reference_in_words, relative, verdict_of

MOST_VERSIONS: Final = 20


def latest_versions() -> list[ModelVersion]:
    """Return the latest versions, the newest first, with `accuracy`: NDCG@10 of the chosen stage as its report has it.

    The reports, of 100 KB each, are not loaded.
    """
    path = (Value("test"), F("stage"), Value("together"), Value(METRIC))
    accuracy = Func(F("report"), *path, function="jsonb_extract_path", output_field=JSONField())
    return list(ModelVersion.objects.defer("increment", "report").annotate(accuracy=accuracy)[:MOST_VERSIONS])


def other_versions(version: ModelVersion) -> list[ModelVersion]:
    """Return the latest other versions with their names and states alone."""
    return list(ModelVersion.objects.exclude(pk=version.pk).only("version", "state")[:MOST_VERSIONS])


def version_by_key(key: int) -> ModelVersion:
    """Return the version with this primary key. Raises NotFound."""
    version = ModelVersion.objects.filter(pk=key).first()
    if version is None:
        raise NotFound(f"There is no model version {key}.")
    return version


def waiting_versions(versions: Sequence[ModelVersion], live: ModelVersion | None) -> list[ModelVersion]:
    """Return challengers that passed and are newer than the live version: Promote is theirs."""
    since = live.created_at if live else None
    return [
        one
        for one in versions
        if one.state == ModelState.CHALLENGER and one.passed and (not since or one.created_at > since)
    ]


def verdicts(versions: Sequence[ModelVersion]) -> Section:
    """Return the verdict on each version, a row each."""
    rows = []
    for version in versions:
        verdict = verdict_of(version)
        state = version.get_state_display()
        words = f"{verdict.sentence} {verdict.counts}{'.' if verdict.counts else ''}".strip()
        rows.append((version.version, state, verdict.status, words, f"{version.created_at:%Y-%m-%d}"))
    note = f"The latest {MOST_VERSIONS} versions. The gate asked each and its reference about the same shoppers."
    return Section("verdicts", "Verdicts", note, ("Version", "State", "Gate", "Verdict", "Trained"), rows)


def accuracy_by_version(versions: Sequence[ModelVersion]) -> Section:
    """Return NDCG@10 of each of `latest_versions` with its interval, the earliest first."""
    points = [(version, _interval(getattr(version, "accuracy", None))) for version in reversed(versions)]
    measured = [(version, interval) for version, interval in points if interval is not None]
    rows = [
        (version.version, version.get_state_display(), *(number(end) for end in interval))
        for version, interval in measured
    ]
    names = [version.version for version, _ in measured]
    figure = plots.dots(names, [("NDCG@10", [interval for _, interval in measured])], title="NDCG@10, held out")
    note = "Each on its own held-out window, so that a step may also come from other shoppers or another season."
    columns = ("Version", "State", "NDCG@10", "95 % from", "95 % to")
    return Section("over-versions", "Accuracy by version", note, columns, rows, figure if len(measured) > 1 else None)


def _interval(one: dict[str, Any] | None) -> plots.Interval | None:
    if one is None or one.get("value") is None:
        return None
    value, low, high = (one["value"] if one.get(end) is None else one[end] for end in ("value", "low", "high"))
    return float(value), float(low), float(high)


def on_same_shoppers(version: ModelVersion) -> Section:
    """Return each metric of version and reference on the gate's shoppers, with the paired difference."""
    reference = reference_in_words(version.gate)
    pairs = version.gate.get("comparisons", ())
    rows = []
    for one in pairs:
        shares = relative(one)
        difference = f"{interval_text(one['difference'])}"
        by = "–" if shares is None else f"{percent(shares[0])} [{percent(shares[1])}, {percent(shares[2])}]"
        title = TITLES.get(one["metric"], one["metric"])
        rows.append((title, interval_text(one["reference"]), interval_text(one["challenger"]), difference, by))
    names = [TITLES.get(one["metric"], one["metric"]) for one in pairs]
    series = [(label, [_ends(one[side]) for one in pairs]) for label, side in
              ((reference, "reference"), (version.version, "challenger"))]  # fmt: skip
    shoppers = f"{pairs[0]['difference']['n']:,} " if pairs else ""
    note = (
        f"Both answered the same {shoppers}held-out shoppers. The reference is "
        + ("the plan of the version that was live then, fitted on the same past" if reference == "live" else reference)
        + ". The interval of the difference is paired: one that holds no 0 shows a difference beyond chance."
    )
    columns = ("Metric", reference.capitalize(), version.version, "Difference", "In percent")
    figure = plots.dots(names, series, title="mean over shoppers") if rows else None
    return Section("same-shoppers", "On the same shoppers", note, columns, rows, figure)


def _ends(interval: dict[str, Any]) -> plots.Interval:
    return interval["value"], interval["low"], interval["high"]


def on_own_windows(version: ModelVersion, live: ModelVersion | None) -> Section:
    """Return all metrics of both versions as they were reported, with the plain difference."""
    rows = []
    for name, title in with_titles(version.metrics):
        own, other = version.metrics[name], live.metrics.get(name) if live else None
        difference = "–" if other is None else f"{own - other:+.4f}".replace("-", "−")
        rows.append((title, number(other), number(own), difference))
    note = (
        "As each training reported them, on its own held-out window: other shoppers and other days, so there is no "
        "paired interval. Higher is better, except for RMSE."
    )
    name = f"{live.version}, live" if live else "None is live"
    return Section("own-windows", "Each on its own window", note, ("Metric", name, version.version, "Difference"), rows)
