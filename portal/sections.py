"""Pages made of sections: a table each, perhaps with a figure of the same numbers, and as CSV."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import plotly
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from common.spreadsheet import defused
from portal.theme import staff_context


@dataclass(frozen=True, slots=True)
class Section:
    """One table of a page, with its figure if it has one. `links` holds the address of each row's first cell."""

    slug: str
    title: str
    note: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    figure: dict[str, Any] | None = None
    links: Sequence[str] = field(default=())

    @property
    def linked_rows(self) -> list[tuple[str, Any, Sequence[Any]]]:
        """Address, first cell and other cells of each row."""
        links = self.links or [""] * len(self.rows)
        return [(link, row[0], row[1:]) for link, row in zip(links, self.rows, strict=True)]


def answer(
    request: HttpRequest, template: str, sections: Sequence[Section], *, title: str, subtitle: str, **more: Any
) -> HttpResponse:
    """Return the page, or with `csv` the table of that section. Raises Http404 for an unknown one."""
    if (slug := request.GET.get("csv")) is not None:
        section = next((one for one in sections if one.slug == slug), None)
        if section is None:
            raise Http404
        return _csv(section, subtitle.lower())
    context = {
        **staff_context(request, title=title, subtitle=subtitle),
        "sections": sections,
        "figures": {one.slug: one.figure for one in sections if one.figure},
        "plotly": reverse("admin:personalization_plotly", args=[plotly.__version__]),
        **more,
    }
    return render(request, template, context)


def _csv(section: Section, name: str) -> HttpResponse:
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}-{section.slug}.csv"'
    writer = csv.writer(answer)
    writer.writerows(_lines(section))
    return answer


def _lines(section: Section) -> Iterable[list[str]]:
    yield list(section.columns)
    for row in section.rows:
        yield [defused(str(cell)) for cell in row]
