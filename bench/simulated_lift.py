"""Simulated shoppers on an installation of its own: the planted lift and pin beside the pages, also after a recount."""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from bench._results import write_results
from bench._stage import Stage, stage_in

MOST_ERRORS_OFF: Final = 4.0
QUICK_SHOPPERS: Final = 120
QUICK_FILL: Final = f"""
from common import clock
from django.conf import settings
from demo import filling, setup
from demo.datasets.simulated import load
setup.prepare()
data = load(now=clock.now(), currency=settings.SHOP_CURRENCY, shoppers={QUICK_SHOPPERS})
filling.fill_catalog(data, lambda n: None)
filling.send_events(data, lambda n: None)
assert filling.wait_until_recorded(lambda waiting: None, timeout_s=60)
filling.note_loaded(data)
"""
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
    arguments = parser.parse_args()
    figures = measure(**vars(arguments))
    if not arguments.quick:
        write_results("simulated_lift", figures)
    if failures := faults(figures):
        sys.exit("\n".join(failures))


def measure(*, minutes: float, visits: float, speed: float, seed: int, quick: bool) -> dict[str, Any]:
    """Run the shoppers and return what the pages count `before` and `after` a recount, and the `screen`."""
    with tempfile.TemporaryDirectory(prefix="vitrine-") as name, stage_in(Path(name), DEMO="1", HTTPS="0") as it:
        it.environment["PUBLIC_URL"] = it.url
        it.environment["GATE_LATENCY_MILLISECONDS"] = "500"
        fill(it, quick=quick)
        options = {"minutes": minutes, "visits": visits, "speed": speed, "seed": seed}
        if quick:
            options["shoppers"] = QUICK_SHOPPERS
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


def fill(it: Stage, *, quick: bool) -> None:
    """Load the simulated shop and start the processes that the shoppers need."""
    it.run("consumer", sys.executable, "manage.py", "consume")
    if quick:
        it.manage("shell", "--no-imports", "-c", QUICK_FILL)
    else:
        it.manage("demo", "--here")
    it.serve()


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
