"""The figures of a year about privacy requests, as a page and as CSV."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from consents.selectors.yearly import YearRow, yearly_metrics, years
from portal.compliance.record_page import SEE
from portal.permissions import staff_page
from portal.sections import Section, answer

COLUMNS = (
    *("Law", "Kind", "Received", "Complied", "Of these no data", "Denied", "Open", "Late"),
    *("Median days", "Mean days"),
)


@require_safe
@staff_page(SEE)
def page(request: HttpRequest) -> HttpResponse:
    """Show the requests of a year. Raises Http404 for a year that is none of the list."""
    choices = years()
    text = request.GET.get("year", str(choices[0]))
    if text not in map(str, choices):
        raise Http404
    section = Section(
        "requests",
        f"Requests received in {text}",
        "Complied counts completed requests, and those about nobody of whom something is held. Days are from receipt "
        "to the answer, without open requests. Late is after the deadline, or open after it.",
        COLUMNS,
        [_cells(row) for row in yearly_metrics(int(text))],
    )
    return answer(
        request,
        "portal/year.html",
        [section],
        title="Privacy requests by year",
        subtitle=f"Privacy requests {text}",
        years=choices,
        year=int(text),
        query=f"year={text}",
    )


def _cells(row: YearRow) -> tuple[object, ...]:
    days = ("–" if value is None else value for value in (row.median_days, row.mean_days))
    return (row.regime, row.kind, row.received, row.complied, row.no_data, row.denied, row.open, row.late, *days)
