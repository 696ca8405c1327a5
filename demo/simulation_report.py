"""The end of a simulation as lines: how the requests went, and the plant beside the counted performance."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from demo.simulated_runs import PLACEMENTS, Comparison, Row, Run, comparisons, page_totals, rows_of
from demo.simulator import Outcome
from demo.storefront import Requests

FAR_OFF: Final = 4.0
"""With more standard errors between the plant and the pages, chance is no explanation."""


def outcome_lines(outcome: Outcome, requests: Requests) -> Iterator[str]:
    """Yield how the visits and their requests went."""
    per_s = outcome.visits / max(outcome.seconds, 1e-9)
    yield (
        f"  {outcome.visits:,} visits in {outcome.seconds:.0f} s, {per_s:.1f} a second; "
        f"none began more than {outcome.worst_delay_s:.2f} s late"
    )
    p50, p99 = np.percentile(requests.milliseconds or [0.0], [50, 99])
    yield (
        f"  {requests.sent:,} requests: {sum(requests.failed.values())} failed, "
        f"{sum(requests.repeated.values())} were sent again; half answered in {p50:.0f} ms, 99 % in {p99:.0f} ms"
    )
    if outcome.failed or outcome.too_late:
        yield f"  {outcome.failed} visits failed, {outcome.too_late} were too late. First error: {outcome.error or '–'}"


def truth_lines(run: Run) -> Iterator[str]:
    """Yield what shoppers did, what the pages count, and the plant beside it with its standard error."""
    yield f"  Days {run.first} to {run.last}. Each pair: what shoppers did / what the pages of performance count"
    yield (
        f"  {'placement':<14}{'personalized':<14}{'answers':>15}{'clicks':>15}{'carts':>13}{'orders':>11}"
        f"{'revenue':>27}  clicks for each answer"
    )
    rows = rows_of(run)
    for row in rows:
        yield _row_line(row)
    if not all(row.agrees for row in rows):
        yield "  The pages do NOT count what shoppers did."
    yield ""
    for one in comparisons(run):
        yield comparison_line(one)
    if run.last > run.first:
        yield ""
        yield from _day_lines(run)


def comparison_line(one: Comparison) -> str:
    """Return one comparison in a sentence."""
    far = "" if one.errors_off <= FAR_OFF else ", TOO FAR"
    served = f" ({one.expected:+.1%} by the answers served)" if round(one.expected - one.planted, 3) else ""
    return (
        f"  {one.name}: planted {one.planted:+.1%}{served}, pages {one.on_pages:+.1%} ± {one.error:.1%}: "
        f"{one.errors_off:.1f} standard errors away{far}"
    )


def _row_line(row: Row) -> str:
    tally, page = row.tally, row.page
    pairs = [
        (tally.answers, page.answers, 15),
        (tally.clicks, page.clicks, 15),
        (tally.carts, page.carts, 13),
        (tally.orders, page.orders, 11),
    ]
    cells = "".join(f"{f'{one:,} / {other:,}':>{width}}" for one, other, width in pairs)
    money = f"{tally.revenue:,.2f} / {page.revenue:,.2f}"
    rates = f"expected {row.expected_rate:.4f}, pages {row.rate:.4f} ± {row.error:.4f}"
    return f"  {row.placement:<14}{'yes' if row.personalized else 'no':<14}{cells}{money:>27}  {rates}"


def _day_lines(run: Run) -> Iterator[str]:
    """Yield the click rates of personalized answers by day, as the pages show them."""
    yield f"  {'day':<14}" + "".join(f"{placement:>16}" for placement in PLACEMENTS) + "   clicks for each answer"
    for number in range((run.last - run.first).days + 1):
        day = run.first.fromordinal(run.first.toordinal() + number)
        totals = page_totals(first=day, last=day)
        rates = [totals[placement, True].click_rate for placement in PLACEMENTS]
        yield f"  {day!s:<14}" + "".join(f"{'–' if rate is None else f'{rate:.3f}':>16}" for rate in rates)
