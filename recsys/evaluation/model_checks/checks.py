"""The model checks. Each is a function of a `Case` that yields `ModelCheck`; `CHECKS` is the list of all.

Limits: docs/adr/0013. Absolute bars (group ratio, supplier share, popularity lift, new items) depend on the data as
well as on the model: no recommender serves a shopper with one purchase as well as one with a thousand. So they refuse a
model only if it misses the bar and is also worse there than its reference (the champion, else popularity).
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from recsys.arrays import Doubles
from recsys.data.drift import MIN_COUNT
from recsys.evaluation.model_checks.case import Case, ModelCheck
from recsys.evaluation.model_checks.fairness import (
    MIN_GROUP,
    exposure_draws,
    group_members,
    has_new_items,
    has_suppliers,
    large_groups,
    lift,
    mean_popularity,
    new_item_share,
    significantly_above,
    supplier_spread,
    worst_over_best,
)
from recsys.evaluation.model_checks.leaks import time_leak, too_good, unlike_validation
from recsys.evaluation.model_checks.slate_table import CatalogView, SlateTable
from recsys.metrics.beyond_accuracy import coverage, gini
from recsys.metrics.intervals import bootstrap, bootstrap_means

WORSE_THAN_BAR = "; misses the bar, which refuses only a model that is worse here than the reference"
FEW_SHOPPERS = f"; misses the bar, which refuses nobody where fewer than {MIN_COUNT} shoppers were asked"
CHANCE = "; above the limit, but as much may be lost by chance"
SEED = 7
"""Seed of the bootstrap of a group's loss."""
TOLERANCE = 1e-9
"""Tolerance for rounding between a mean and bootstrap means of equal numbers."""
MAX_NAMED_GROUPS = 20
"""The most small groups that are named, the largest first."""
MIN_NAMED_SHOPPERS = 10
"""A group of fewer shoppers is not named: its label might identify a person."""


def quality(case: Case) -> Iterable[ModelCheck]:
    """NDCG@10 must not lie below the reference's own 95 % interval."""
    ours = float(case.challenger.ndcg(case.catalog_view.n_items).mean())
    theirs = bootstrap(case.reference.ndcg(case.catalog_view.n_items))
    yield ModelCheck(
        "quality",
        ours >= theirs.low - TOLERANCE,
        ours,
        theirs.low,
        f"NDCG@10 {ours:.4f} against {theirs.value:.4f} [{theirs.low:.4f}, {theirs.high:.4f}]",
        "at least",
    )


def group_loss(case: Case) -> Iterable[ModelCheck]:
    """No group of at least 500 shoppers may lose more than 5 % against the champion, beyond chance."""
    if not case.has_champion:
        return
    ours, theirs = case.challenger.ndcg(case.catalog_view.n_items), case.reference.ndcg(case.catalog_view.n_items)
    for kind, label, rows in large_groups(case.challenger.groups):
        before = float(theirs[rows].mean())
        if before <= 0:
            continue
        loss = 1 - float(ours[rows].mean()) / before
        limit = case.limits.group_loss
        passed, words = loss <= limit, f"{kind} {label} ({len(rows)} shoppers) loses {loss:.1%} of its NDCG@10"
        inside = passed
        if not passed:
            resampled_losses = bootstrap_means((theirs - ours)[rows, None], shoppers=None, seed=SEED).ravel()
            passed = not significantly_above(resampled_losses, slack=0.0)
            words += CHANCE if passed else ""
        yield ModelCheck(f"group_loss:{kind}:{label}", passed, loss, limit, words, "at most", passed and not inside)


def group_ratio(case: Case) -> Iterable[ModelCheck]:
    """The worst group's NDCG over the best group's: lower 95 % bound at least .80, or no worse than the reference's."""
    for kind in sorted(case.challenger.groups):
        members = [rows for name, _, rows in large_groups(case.challenger.groups) if name == kind]
        if len(members) < 2:
            continue
        ours = worst_over_best(case.challenger.ndcg(case.catalog_view.n_items), members)
        theirs = worst_over_best(case.reference.ndcg(case.catalog_view.n_items), members)
        inside = ours[0] >= case.limits.group_ratio
        passed = inside or ours[1] >= theirs[0]
        words = f"worst over best {kind} group {ours[1]:.2f} (lower bound {ours[0]:.2f}); reference {theirs[1]:.2f}"
        check = ModelCheck(f"group_ratio:{kind}", passed, ours[0], case.limits.group_ratio, words, "at least")
        yield _with_bar(check, inside)


def small_groups(case: Case) -> Iterable[ModelCheck]:
    """Names the groups of fewer than 500 shoppers, which are not checked, with their sizes; refuses nothing."""
    sizes = [
        (kind, label, len(rows)) for kind, label, rows in group_members(case.challenger.groups) if len(rows) < MIN_GROUP
    ]
    if not sizes:
        return
    sizes.sort(key=lambda one: -one[2])
    named = [one for one in sizes[:MAX_NAMED_GROUPS] if one[2] >= MIN_NAMED_SHOPPERS]
    words = [f"{kind} {label} ({n:,} shoppers)" for kind, label, n in named]
    if rest := sizes[len(named) :]:
        words.append(f"{len(rest):,} smaller (up to {rest[0][2]:,} each)")
    yield ModelCheck("groups_not_judged", True, None, None, f"fewer than {MIN_GROUP} shoppers: {', '.join(words)}")


def supplier_share(case: Case) -> Iterable[ModelCheck]:
    """Exposure over catalog share by supplier within .80–1.25, or no further off than the reference."""
    limits, supplier = case.limits, case.catalog_view.supplier
    if not has_suppliers(case.catalog_view):
        return
    ours, theirs = (
        supplier_spread(table.exposure(case.catalog_view.n_items), supplier)
        for table in (case.challenger, case.reference)
    )
    inside = limits.supplier_low <= ours[0] and ours[1] <= limits.supplier_high
    passed = inside or not _significantly_worse(case, lambda exposure: supplier_spread(exposure, supplier)[2])
    words = f"exposure ÷ catalog share by supplier {ours[0]:.2f}–{ours[1]:.2f}"
    words += f"; gap {ours[2]:.2f}, reference {theirs[2]:.2f}"
    yield _with_bar(ModelCheck("supplier_share", passed, ours[2], theirs[2], words, "at most"), inside)


def concentration(case: Case) -> Iterable[ModelCheck]:
    """Over items on sale: Gini of exposure at most the champion's + .02, coverage at least .95 of the champion's."""
    if not case.has_champion:
        return
    ours, theirs = (
        case.catalog_view.listed_exposure(table.exposure(case.catalog_view.n_items))
        for table in (case.challenger, case.reference)
    )
    limit = gini(theirs) + case.limits.gini_slack
    words = f"Gini of exposure {gini(ours):.3f}, limit {limit:.3f}"
    yield ModelCheck("gini", gini(ours) <= limit, gini(ours), limit, words, "at most")
    own_coverage, min_coverage = coverage(ours), case.limits.coverage * coverage(theirs)
    words = f"coverage {own_coverage:.3f}, at least {min_coverage:.3f}"
    yield ModelCheck("coverage", own_coverage >= min_coverage, own_coverage, min_coverage, words, "at least")


def popularity_lift(case: Case) -> Iterable[ModelCheck]:
    """Mean popularity of shown items over that of target items at most 1.5, or no more than the reference's."""
    ours, theirs = _lift(case.challenger, case.catalog_view), _lift(case.reference, case.catalog_view)
    inside = ours <= case.limits.popularity_lift
    passed = inside or not _significantly_worse(
        case, lambda exposure: mean_popularity(exposure, case.catalog_view.popularity)
    )
    words = f"shown items are {ours:.2f} × as popular as wanted ones; reference {theirs:.2f}"
    check = ModelCheck("popularity_lift", passed, ours, case.limits.popularity_lift, words, "at most")
    yield _with_bar(check, inside)


def new_items(case: Case) -> Iterable[ModelCheck]:
    """The new items' share of exposure at least half their catalog share, or no less than the reference's."""
    new, n_items = case.catalog_view.new, case.catalog_view.n_items
    if not has_new_items(case.catalog_view):
        return
    share = case.catalog_view.new_item_share
    ours, theirs = (new_item_share(table.exposure(n_items), new) for table in (case.challenger, case.reference))
    limit = case.limits.new_items * share
    words = f"new items get {ours:.1%} of exposure, {share:.1%} of the catalog; reference {theirs:.1%}"
    inside = ours >= limit
    passed = inside or not _significantly_worse(case, lambda exposure: -new_item_share(exposure, new))
    yield _with_bar(ModelCheck("new_items", passed, ours, limit, words, "at least"), inside)


def latency(case: Case) -> Iterable[ModelCheck]:
    """The 99th percentile of the time of one slate is within the budget."""
    measured = case.challenger.latency_ms
    if measured is None or not len(measured):
        return
    p99, limit = float(np.quantile(measured, 0.99)), case.limits.latency_p99_ms
    words = f"one slate takes {p99:.1f} ms (p99), budget {limit:.1f} ms"
    yield ModelCheck("latency", p99 <= limit, p99, limit, words, "at most")


def exposure(case: Case) -> Iterable[ModelCheck]:
    """The four checks of exposure over all shoppers; they are always reported and refuse from 200 shoppers on.

    The first models of a new shop are little more than noise, which spreads over all items. Every better model is more
    concentrated, so these checks would refuse it. The nightly watch has the same minimum.
    """
    for check in (supplier_share, concentration, popularity_lift, new_items):
        for verdict in check(case):
            is_spared = not verdict.passed and len(case.challenger.slates) < MIN_COUNT
            words = verdict.detail + FEW_SHOPPERS
            yield replace(verdict, passed=True, misses_bar=True, detail=words) if is_spared else verdict


CHECKS: tuple[Callable[[Case], Iterable[ModelCheck]], ...] = (
    quality,
    group_loss,
    group_ratio,
    small_groups,
    exposure,
    latency,
    time_leak,
    too_good,
    unlike_validation,
)


def run_checks(case: Case) -> list[ModelCheck]:
    """Return the results of all `CHECKS`, in order. The model may go live if all passed."""
    if not case.challenger.targets:
        words = "nobody could be asked: no shopper known before the held-out window came back in it"
        return [ModelCheck("quality", False, None, None, words)]
    return [verdict for check in CHECKS for verdict in check(case)]


def _with_bar(check: ModelCheck, inside: bool) -> ModelCheck:
    """Return the check, marked where it passes although the value misses its absolute bar."""
    if inside or not check.passed:
        return check
    return replace(check, detail=check.detail + WORSE_THAN_BAR, misses_bar=True)


def _significantly_worse(case: Case, badness: Callable[[Doubles], float]) -> bool:
    """Return whether the challenger's exposure is significantly worse than the reference's.

    A paired bootstrap over shoppers, since both answer the same ones. Two trainings of one plan also differ a little,
    so a difference of .02 of the reference's number is allowed, as with Gini.
    """
    n_items = case.catalog_view.n_items
    ours, theirs = (exposure_draws(table.slates, n_items) for table in (case.challenger, case.reference))
    gaps = np.array([badness(mine) - badness(other) for mine, other in zip(ours, theirs, strict=True)])
    slack = case.limits.absolute_slack * abs(badness(case.reference.exposure(n_items)))
    return significantly_above(gaps, slack=slack)


def _lift(table: SlateTable, view: CatalogView) -> float:
    target_items = np.concatenate([*table.targets, np.empty(0, np.int64)])
    return lift(table.exposure(view.n_items), target_items, view.popularity)
