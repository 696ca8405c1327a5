"""Print the planted numbers of the latest simulation beside what the pages of performance count now."""

import json
import math
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.errors import DomainError
from demo.simulated_runs import comparisons, latest_run, rows_of
from demo.simulation_report import truth_lines
from events.services.performance import count_new


class Command(BaseCommand):
    """The plant beside the pages."""

    help = "Print the planted numbers of the latest `make simulate` beside what the pages of performance count now."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        parser.add_argument("--json", action="store_true", help="As JSON, for programs.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Count what is new and print."""
        try:
            run = latest_run()
        except DomainError as error:
            raise CommandError(error.detail) from error
        count_new()
        if not options["json"]:
            self.stdout.write("\n".join(truth_lines(run)))
            return
        figures = {
            "rows": [
                {
                    **asdict(row), "agrees": row.agrees, "expected_rate": row.expected_rate, "rate": row.rate,
                    "error": row.error,
                }
                for row in rows_of(run)
            ],
            "comparisons": [{**asdict(one), "errors_off": one.errors_off} for one in comparisons(run)],
        }  # fmt: skip
        self.stdout.write(json.dumps(_without_nan(figures), default=str))


def _without_nan(value: Any) -> Any:
    """Return JSON with null for numbers that are not finite."""
    if isinstance(value, dict):
        return {name: _without_nan(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
