"""The checks, each a function of the challenger, the champion (or None) and the shelf. One file, one list.

Limits: docs/adr/0013. Absolute bars (group ratio, supplier share, popularity lift, new items) describe the data as much
as the model: no recommender serves a shopper with one purchase as well as one with a thousand. So they refuse only a
model that misses the bar and is also worse there than the reference it would replace (the champion, else popularity).
"""

from collections.abc import Callable, Iterable

import numpy as np

from personalization.judging.case import Case, Check
from personalization.judging.leaks import saw_the_future, too_good, unlike_validation
from personalization.judging.slates import Shelf, SlateTable
from personalization.recommenders.base import Floats
from personalization.training.metrics import Doubles, Longs, bootstrap, gini, resample_counts

BORNE = "; misses the bar, which refuses only a model that is worse here than the reference"
DRAWS = 1_000
PAIRED_DRAWS = 200
MIN_GROUP = 500
NAMED = 20
"""How many groups too small to be judged are named, the largest first."""
MIN_NAMED = 10
"""Shoppers below whom a group is not named: its label might be one person's."""
MIN_SHELF = 50
"""Five slates' worth of products: below, ten places show so much of the shelf that shares tell nothing of a model."""


def quality(case: Case) -> Iterable[Check]:
    """NDCG@10 must not lie below the reference's own 95 % interval."""
    ours = float(case.challenger.ndcg(case.shelf.n_items).mean())
    theirs = bootstrap(case.reference.ndcg(case.shelf.n_items))
    yield Check(
        "quality",
        ours >= theirs.low,
        ours,
        theirs.low,
        f"NDCG@10 {ours:.4f} against {theirs.value:.4f} [{theirs.low:.4f}, {theirs.high:.4f}]",
    )


def group_loss(case: Case) -> Iterable[Check]:
    """No group of at least 500 shoppers may lose more than 5 % against the champion."""
    if not case.has_champion:
        return
    ours, theirs = case.challenger.ndcg(case.shelf.n_items), case.reference.ndcg(case.shelf.n_items)
    for kind, label, rows in _groups(case.challenger):
        before = float(theirs[rows].mean())
        if before <= 0:
            continue
        loss = 1 - float(ours[rows].mean()) / before
        limit = case.limits.group_loss
        words = f"{kind} {label} ({len(rows)} shoppers) loses {loss:.1%} of its NDCG@10"
        yield Check(f"group_loss:{kind}:{label}", loss <= limit, loss, limit, words)


def group_ratio(case: Case) -> Iterable[Check]:
    """The worst group's NDCG over the best group's: lower 95 % bound at least .80, or no worse than the reference's."""
    for kind in case.challenger.groups:
        members = [rows for name, _, rows in _groups(case.challenger) if name == kind]
        if len(members) < 2:
            continue
        ours = _ratio(case.challenger.ndcg(case.shelf.n_items), members)
        theirs = _ratio(case.reference.ndcg(case.shelf.n_items), members)
        inside = ours[0] >= case.limits.group_ratio
        passed = inside or ours[1] >= theirs[0]
        words = f"worst over best {kind} group {ours[1]:.2f} (lower bound {ours[0]:.2f}); reference {theirs[1]:.2f}"
        yield Check(f"group_ratio:{kind}", passed, ours[0], case.limits.group_ratio, words + _borne(inside, passed))


def small_groups(case: Case) -> Iterable[Check]:
    """Say which groups were not judged, being of fewer than 500 shoppers, and how large they are; refuses nothing."""
    sizes = [(kind, label, len(rows)) for kind, label, rows in _members(case.challenger) if len(rows) < MIN_GROUP]
    if not sizes:
        return
    sizes.sort(key=lambda one: -one[2])
    told = [one for one in sizes[:NAMED] if one[2] >= MIN_NAMED]
    words = [f"{kind} {label} ({n:,} shoppers)" for kind, label, n in told]
    if rest := sizes[len(told) :]:
        words.append(f"{len(rest):,} smaller (up to {rest[0][2]:,} each)")
    yield Check("groups_not_judged", True, None, None, f"fewer than {MIN_GROUP} shoppers: {', '.join(words)}")


def supplier_share(case: Case) -> Iterable[Check]:
    """Exposure over catalogue share by supplier within .80–1.25, or no further off than the reference."""
    limits, supplier = case.limits, case.shelf.supplier
    known = supplier >= 0
    if case.shelf.n_items < MIN_SHELF or len(np.unique(supplier[known])) < 2:
        return
    ours, theirs = (
        _spread(table.exposure(case.shelf.n_items), supplier) for table in (case.challenger, case.reference)
    )
    inside = limits.supplier_low <= ours[0] and ours[1] <= limits.supplier_high
    passed = inside or not _surely_worse(case, lambda exposure: _spread(exposure, supplier)[2])
    words = (
        f"exposure ÷ catalogue share by supplier {ours[0]:.2f}–{ours[1]:.2f}; gap {ours[2]:.2f}, was {theirs[2]:.2f}"
    )
    yield Check("supplier_share", passed, ours[2], theirs[2], words + _borne(inside, passed))


def concentration(case: Case) -> Iterable[Check]:
    """Gini of exposure at most the champion's + .02; coverage at least .95 of the champion's."""
    if not case.has_champion:
        return
    ours, theirs = (table.exposure(case.shelf.n_items) for table in (case.challenger, case.reference))
    limit = gini(theirs) + case.limits.gini_slack
    yield Check("gini", gini(ours) <= limit, gini(ours), limit, f"Gini of exposure {gini(ours):.3f}, limit {limit:.3f}")
    covered, least = float((ours > 0).mean()), case.limits.coverage * float((theirs > 0).mean())
    yield Check("coverage", covered >= least, covered, least, f"coverage {covered:.3f}, at least {least:.3f}")


def popularity_lift(case: Case) -> Iterable[Check]:
    """Mean popularity of shown items over that of wanted items at most 1.5, or no more than the reference's."""
    ours, theirs = _lift(case.challenger, case.shelf), _lift(case.reference, case.shelf)
    popularity = case.shelf.popularity
    inside = ours <= case.limits.popularity_lift
    passed = inside or not _surely_worse(
        case, lambda exposure: float(exposure @ popularity) / max(float(exposure.sum()), 1e-12)
    )
    words = f"shown items are {ours:.2f} × as popular as wanted ones; reference {theirs:.2f}"
    yield Check("popularity_lift", passed, ours, case.limits.popularity_lift, words + _borne(inside, passed))


def new_items(case: Case) -> Iterable[Check]:
    """Exposure share of new items at least half their catalogue share, or no less than the reference's."""
    share = float(case.shelf.new.mean()) if case.shelf.n_items else 0.0
    if share == 0 or case.shelf.n_items < MIN_SHELF:
        return
    ours, theirs = (_share(table.exposure(case.shelf.n_items), case) for table in (case.challenger, case.reference))
    limit = case.limits.new_items * share
    words = f"new items get {ours:.1%} of exposure, {share:.1%} of the catalogue; reference {theirs:.1%}"
    inside = ours >= limit
    passed = inside or not _surely_worse(case, lambda exposure: -_share(exposure, case))
    yield Check("new_items", passed, ours, limit, words + _borne(inside, passed))


def latency(case: Case) -> Iterable[Check]:
    """The 99th percentile of one slate within the budget."""
    measured = case.challenger.latency_ms
    if measured is None or not len(measured):
        return
    p99, limit = float(np.quantile(measured, 0.99)), case.limits.latency_p99_ms
    yield Check("latency", p99 <= limit, p99, limit, f"one slate takes {p99:.1f} ms (p99), budget {limit:.1f} ms")


CHECKS: tuple[Callable[[Case], Iterable[Check]], ...] = (
    quality,
    group_loss,
    group_ratio,
    small_groups,
    supplier_share,
    concentration,
    popularity_lift,
    new_items,
    latency,
    saw_the_future,
    too_good,
    unlike_validation,
)


def judge(case: Case) -> list[Check]:
    """Return every check's verdict, in the order of CHECKS; the model may pass where all have passed."""
    if not case.challenger.targets:
        words = "nobody could be asked: no shopper known before the held-out window came back in it"
        return [Check("quality", False, None, None, words)]
    return [verdict for check in CHECKS for verdict in check(case)]


def _borne(inside: bool, passed: bool) -> str:
    """Return why a model passes that misses an absolute bar, for the words of its check."""
    return BORNE if passed and not inside else ""


def _surely_worse(case: Case, badness: Callable[[Doubles], float]) -> bool:
    """Return whether the challenger's exposure is worse than the reference's beyond chance.

    A paired bootstrap over shoppers: both are shown to the same ones, so only where they differ counts. Two trainings
    of one plan differ a little too: as with Gini, .02 (of the reference's number) refuses nobody.
    """
    n, n_items = len(case.challenger.slates), case.shelf.n_items
    weights = resample_counts(n, seed=7, draws=PAIRED_DRAWS)
    ours, theirs = (_drawn(table, weights, n_items) for table in (case.challenger, case.reference))
    gaps = [badness(mine) - badness(other) for mine, other in zip(ours, theirs, strict=True)]
    slack = case.limits.absolute_slack * abs(badness(case.reference.exposure(n_items))) + 1e-9
    return float(np.quantile(gaps, 0.05)) > slack if gaps else False


def _drawn(table: SlateTable, weights: Floats, n_items: int, *, k: int = 10) -> Iterable[Doubles]:
    """Yield float64[n_items] exposures, one per bootstrap draw."""
    rows, places = np.nonzero(table.slates[:, :k] >= 0)
    items = table.slates[rows, places]
    for drawn in weights:
        yield np.bincount(items, weights=drawn[rows], minlength=n_items).astype(np.float64)


def _groups(table: SlateTable) -> list[tuple[str, str, Longs]]:
    """Return kind, label and rows of each group that is large enough to be judged."""
    return [one for one in _members(table) if len(one[2]) >= MIN_GROUP]


def _members(table: SlateTable) -> list[tuple[str, str, Longs]]:
    found = []
    for kind, labels in table.groups.items():
        column = np.asarray(labels, dtype=object).astype(str)
        for label in np.unique(column[column != ""]):
            found.append((kind, str(label), np.flatnonzero(column == label)))
    return found


def _ratio(ndcg: Doubles, members: list[Longs]) -> tuple[float, float]:
    """Return (lower 95 % bootstrap bound, point) of the worst group's mean over the best group's."""
    means = np.array([ndcg[rows].mean() for rows in members])
    worst, best = members[int(means.argmin())], members[int(means.argmax())]
    rng = np.random.default_rng(7)
    low, high = (_means(ndcg[rows], rng) for rows in (worst, best))
    point = float(means.min() / means.max()) if means.max() > 0 else 1.0
    return float(np.quantile(low / np.maximum(high, 1e-12), 0.05)), point


def _means(values: Doubles, rng: np.random.Generator) -> Doubles:
    means: Doubles = np.array([values[rng.integers(0, len(values), len(values))].mean() for _ in range(DRAWS)])
    return means


def _spread(exposure: Doubles, supplier: np.ndarray[tuple[int], np.dtype[np.int32]]) -> tuple[float, float, float]:
    """Return the least and the largest exposure ÷ catalogue share, and the mean distance |log| weighed by share."""
    known = supplier >= 0
    shown = np.bincount(supplier[known], exposure[known])
    listed = np.bincount(supplier[known]).astype(np.float64)
    share = listed[listed > 0] / listed.sum()
    ratio = shown[listed > 0] / max(shown.sum(), 1e-12) / share
    gap = float((share * np.abs(np.log(np.maximum(ratio, 1e-3)))).sum())
    return float(ratio.min()), float(ratio.max()), gap


def _lift(table: SlateTable, shelf: Shelf) -> float:
    wanted = np.concatenate([*table.targets, np.empty(0, np.int64)])
    exposure = table.exposure(shelf.n_items)
    if not len(wanted) or exposure.sum() == 0:
        return 0.0
    shown = float((exposure * shelf.popularity).sum() / exposure.sum())
    return shown / max(float(shelf.popularity[wanted].mean()), 1e-12)


def _share(exposure: Doubles, case: Case) -> float:
    return float(exposure[case.shelf.new].sum() / max(exposure.sum(), 1e-12))
