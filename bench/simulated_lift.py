"""Simulated shoppers on an installation of its own: the planted lift and pin beside the pages, also after a recount."""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from bench._results import write_results
from bench._stage import Stage, stage_in

MOST_ERRORS_OFF: Final = 4.0
QUICK_SHOPPERS: Final = 120
PAGES: Final = """
import csv, json
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from demo.simulated_runs import PLACEMENTS
client = Client(headers={"host": "localhost"})
client.force_login(get_user_model().objects.get(username="merchandiser"))
rates = {}
for key in PLACEMENTS:
    table = client.get(reverse("portal:performance-placement", args=[key]), {"days": 28, "csv": "kinds"})
    rows = {row[0]: row[1:] for row in csv.reader(table.content.decode().splitlines())}
    rates[key] = rows["Personalized"][:3]
print(json.dumps(rates))
"""
"""Prints what a merchandiser reads: number, click rate and clicks of personalized answers, by placement."""


def main() -> None:
    """Run and print; exit with 1 where the pages are not equal to the plant within their error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--visits", type=float, default=1200, help="visits in a minute")
    parser.add_argument("--speed", type=float, default=0.7, help="simulated days in a real minute; 0: the real time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a small shop without a model")
    options = vars(parser.parse_args())
    is_quick = options.pop("quick")
    if is_quick:
        options["shoppers"] = QUICK_SHOPPERS
    with installation(shoppers=options.get("shoppers")) as it:
        figures = measure(it, **options)
    if not is_quick:
        write_results("simulated_lift", figures)
    if failures := faults(figures):
        sys.exit("\n".join(failures))


@contextmanager
def installation(*, shoppers: int | None = None) -> Iterator[Stage]:
    """Yield a filled installation with the processes that shoppers need.

    It is the whole demo with its model, or a small shop with the history of so many shoppers.
    """
    with tempfile.TemporaryDirectory(prefix="vitrine-") as name, stage_in(Path(name), DEMO="1", HTTPS="0") as it:
        it.environment["PUBLIC_URL"] = it.url
        it.environment["GATE_LATENCY_MILLISECONDS"] = "500"
        it.run("consumer", sys.executable, "manage.py", "consume")
        if shoppers is None:
            it.manage("demo", "--here")
        else:
            code = f"from bench._simulated_shop import fill_shop; fill_shop({shoppers})"
            it.manage("shell", "--no-imports", "-c", code)
        it.serve()
        yield it


def measure(it: Stage, **options: float) -> dict[str, Any]:
    """Run the shoppers and return what the pages count `before` and `after` a recount, and the `screen`.

    Options are those of `manage.py simulate`.
    """
    screen = it.manage("simulate", *(f"--{option}={value}" for option, value in options.items()))
    print(screen)
    before = numbers(it)
    print(it.manage("recount_performance"))
    print("  after the recount:")
    print(it.manage("simulated_truth"))
    after = numbers(it)
    return {**options, "screen": screen.splitlines(), "before": before, "after": after}


def numbers(it: Stage) -> dict[str, Any]:
    """Return the plant beside the counts, and the pages that a merchandiser sees."""
    pages = json.loads(it.manage("shell", "--no-imports", "-c", PAGES).splitlines()[-1])
    return {**json.loads(it.manage("simulated_truth", "--json")), "pages": pages}


def faults(figures: dict[str, Any]) -> list[str]:
    """Return in words what is not as planted."""
    result = [line for line in figures["screen"] if "visits failed" in line]
    if figures["before"] != figures["after"]:
        result.append("The recount finds other numbers.")
    for row in figures["before"]["rows"]:
        if not row["agrees"]:
            result.append(
                f"{row['placement']}: the pages do not count what shoppers did: {row['tally']}, {row['page']}"
            )
        totals = row["page"]
        page = [f"{totals['answers']:,}", f"{row['rate']:.1%}", f"{totals['clicks']:,}"]
        if row["personalized"] and figures["before"]["pages"][row["placement"]] != page:
            result.append(
                f"{row['placement']}: the page shows {figures['before']['pages'][row['placement']]}, not {page}"
            )
    for one in figures["before"]["comparisons"]:
        if one["errors_off"] is None or one["errors_off"] > MOST_ERRORS_OFF:
            result.append(f"{one['name']}: expected {one['expected']:+.3f}, the pages say {one['on_pages']}")
    if len(figures["before"]["comparisons"]) < 3:
        result.append("There was nothing to compare.")
    return result


if __name__ == "__main__":
    main()
