"""The results of an experiment as a page, as JSON for whoever polls, and on paper."""

from typing import Any, Final

import redis
from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from common.errors import NotFound, Unavailable
from experiments.result_table import as_csv
from experiments.selectors.story import key_of
from portal.experiments.parts import report_sections
from portal.experiments.snapshot import Snapshot, latest
from portal.experiments.socket import SEE
from portal.experiments.svg import svg_of
from portal.permissions import staff_page
from portal.sections import answer
from portal.theme import staff_context


@require_safe
@staff_page(SEE)
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """Show the results; with `csv` one of its tables, or `all` numbers for programs. The page follows by itself."""
    snapshot = snapshot_of(pk)
    if request.GET.get("csv") == "all":
        name = f'attachment; filename="{snapshot.results.key}.csv"'
        headers = {"Content-Type": "text/csv; charset=utf-8", "Content-Disposition": name}
        return HttpResponse(as_csv(snapshot.results), headers=headers)
    return answer(
        request,
        "experiments/results.html",
        snapshot.sections,
        title=snapshot.results.name,
        subtitle="Results",
        numbers=reverse("admin:experiments_experiment_results_numbers", args=[pk]),
        socket=f"/ws/experiments/{snapshot.results.key}",
        **snapshot.top,
    )


@require_safe
@staff_page(SEE)
def numbers(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer with what the socket sends. 503 while a store does not answer."""
    try:
        return HttpResponse(latest(key(pk)), content_type="application/json", headers={"Cache-Control": "no-store"})
    except redis.RedisError as error:
        raise Unavailable("Redis does not answer.", retry_after=5) from error


@require_safe
@staff_page(SEE)
def report(request: HttpRequest, pk: int) -> HttpResponse:
    """Show what is known of all visitors, on paper: plots are drawn here, so it needs no script."""
    snapshot = snapshot_of(pk)
    sections = report_sections(snapshot.results, snapshot.sections)
    context: dict[str, Any] = {
        **staff_context(request, title=snapshot.results.name, subtitle="Report"),
        **snapshot.top,
        "sections": [(one, svg_of(one.figure) if one.figure else "") for one in sections],
        "back": reverse("admin:experiments_experiment_results", args=[pk]),
    }
    return render(request, "experiments/report.html", context)


def snapshot_of(pk: int) -> Snapshot:
    """Return the numbers of this moment. Raises Http404."""
    return Snapshot.of(key(pk))


def key(pk: int) -> str:
    """Return the key of an experiment. Raises Http404."""
    try:
        return key_of(pk)
    except NotFound as error:
        raise Http404 from error


PLACE: Final = "experiments/experiment/<int:pk>/results/"
admin_urls = [
    path(PLACE, page, name="experiments_experiment_results"),
    path(f"{PLACE}numbers/", numbers, name="experiments_experiment_results_numbers"),
    path(f"{PLACE}print/", report, name="experiments_experiment_results_print"),
]
"""Pages in the admin's namespace, beside those of the table."""


def urls_of_admin() -> tuple[list[Any], str, str]:
    """Return the admin's URLs with these before them: its own end in a pattern that takes any address."""
    urls, app_name, namespace = admin.site.urls
    return [*admin_urls, *urls], app_name, namespace
