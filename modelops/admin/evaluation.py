"""The evaluation report of a model version as a page; plotly.js is served from its wheel."""

from pathlib import Path
from typing import Any

import plotly
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from unfold.decorators import action

from modelops.admin.rows import row_or_404
from modelops.models import ModelVersion
from modelops.selectors.headline import headlines_of, weaknesses_of
from modelops.selectors.report import EVERYTHING, PARTS, SUMMARY, figures, sections_of
from modelops.selectors.tracking import run_page
from modelops.selectors.verdict import verdict_of

SCRIPT = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
YEAR = 31_536_000


class EvaluationPage:
    """A mixin in front of the admin of model versions."""

    admin_site: Any

    def get_urls(self) -> list[URLPattern]:
        """Add the URL of plotly.js; it contains the version, so browsers cache it."""
        library = path(
            "plotly/<str:version>.js", self.admin_site.admin_view(self.library), name="personalization_plotly"
        )
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        return [library, *urls]

    def library(self, request: HttpRequest, version: str) -> FileResponse:
        """Return plotly.js."""
        return FileResponse(
            SCRIPT.open("rb"),
            content_type="text/javascript; charset=utf-8",
            headers={"Cache-Control": f"private, max-age={YEAR}, immutable"},
        )

    @action(description="Evaluation report", url_path="evaluation", permissions=["view"])
    def evaluation_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the verdict, and one part of the report (`?part=`) or all; each plot also as a table."""
        version = row_or_404(ModelVersion.objects.all(), object_id)
        part = request.GET.get("part", SUMMARY)
        part = part if part in (*PARTS, EVERYTHING) else SUMMARY
        sections = sections_of(version, part)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Evaluation of {version.version}",
            "version": version,
            "verdict": verdict_of(version),
            "headlines": headlines_of(version),
            "weaknesses": weaknesses_of(version),
            "part": part,
            "parts": [(name, title) for name, (title, _) in PARTS.items()] + [(EVERYTHING, "All on one page")],
            "tracking": run_page(version),
            "sections": sections,
            "figures": figures(sections),
            "plotly": reverse("admin:personalization_plotly", args=[plotly.__version__]),
            "back": reverse("admin:modelops_modelversion_change", args=[version.pk]),
        }
        return render(request, "modelops/evaluation.html", context)
