"""Groups of shoppers side by side: what each lost or won against the reference, and what the gate made of it. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Final

from modelops.models import ModelVersion
from modelops.selectors.report.check_lines import GROUP_LOSS, group_in_words
from modelops.selectors.report.section import Outcome, Row, Section, bar_of, bound, outcome_of
from modelops.selectors.verdict import interval_text, percent, reference_in_words

SHOPPERS: Final = re.compile(r"\(([\d,]+) shoppers\)")
"""Where a check of a group tells its size; verdicts stored before intervals of groups were hold nothing else."""
NOT_KEPT: Final = "–"


def group_table(version: ModelVersion) -> Section:
    """Return NDCG@10 of each group of the gate's shoppers, those that lose most first."""
    gate = version.gate
    checks = {one["name"].removeprefix(GROUP_LOSS): one for one in gate.get("checks", ()) if _is_loss(one)}
    groups = {f"{one['kind']}:{one['label']}": one for one in gate.get("groups", ())}
    names = sorted(dict.fromkeys([*groups, *checks]), key=lambda name: _loss(checks.get(name), groups.get(name)))
    rows = [_row(name, groups.get(name), checks.get(name)) for name in names]
    reference = reference_in_words(gate)
    note = (
        "NDCG@10 of the gate's shoppers by group, the greatest loss first. The interval of the difference is paired: "
        "one below 0 is a loss beyond chance. A group fails where it loses more than its bar, beyond chance. "
        + ("Groups of fewer than 500 shoppers are not judged." if checks or reference == "live" else NO_LIVE)
        + ("" if groups or not checks else " This version was judged before intervals of groups were recorded.")
    )
    columns = ("Group", "Shoppers", reference.capitalize(), version.version, "Difference", "Lost", "Bar", "Outcome")
    return Section("groups", "Groups of shoppers", note, columns, rows)


NO_LIVE: Final = "No group is judged here: nothing was live to lose against."


def _row(name: str, group: Mapping[str, Any] | None, check: Mapping[str, Any] | None) -> Row:
    title = group_in_words(*name.split(":", 1))
    means = [NOT_KEPT] * 3
    shoppers = NOT_KEPT
    if group is not None:
        means = [interval_text(group[part]) for part in ("reference", "challenger", "difference")]
        shoppers = f"{group['difference']['n']:,}"
    elif check is not None and (size := SHOPPERS.search(check["detail"])):
        shoppers = size[1]
    share = -_loss(check, group)
    lost = NOT_KEPT if share != share else percent(share, signed=False) if share > 0 else "nothing"
    bar = bar_of(check) if check else None
    bar_text = NOT_KEPT if check is None or bar is None else f"{bound(check)} {percent(bar, signed=False)}"
    return title, shoppers, *means, lost, bar_text, outcome_of(check) if check else Outcome.NOT_JUDGED


def _is_loss(check: Mapping[str, Any]) -> bool:
    return str(check["name"]).startswith(GROUP_LOSS)


def _loss(check: Mapping[str, Any] | None, group: Mapping[str, Any] | None) -> float:
    """Return what a group won, as a share of the reference's NDCG@10: below 0 for a loss."""
    if check is not None and check["value"] is not None:
        return -float(check["value"])
    base = group["reference"]["value"] if group else 0
    return float(group["difference"]["value"]) / base if group and base else 0.0
