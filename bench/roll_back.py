"""How long a promotion and roll-backs take until every web worker of a large shop serves them, beside the two seconds.

A fresh installation, the synthetic products of `bench.snapshot` and two versions of a model of them; the second knows a
hundred products more, and a hundred are newer than both. Two web workers of the real server are asked without pause
meanwhile, by one caller who takes turns. Seconds count from when the decision is written.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import snapshot
from bench._stage import stage
from tests.workers import LIMIT, START_SECONDS, Workers, live, serving

if TYPE_CHECKING:  # Django is set up after this file is read
    from catalog.records import ProductRow

NEWER = 100
"""Products that the first version does not know and the second does; and those that neither knows."""
PATIENCE = 60.0


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    snapshot.sizes(parser, rounds=6)
    parser.add_argument("--rest", type=float, default=5.0, help="seconds between two decisions")
    options = parser.parse_args()
    with stage() as it, tempfile.TemporaryDirectory() as scratch:
        os.environ.update({**it.environment, "DJANGO_SETTINGS_MODULE": "config.settings"})
        import django

        django.setup()
        rows = list(map(snapshot.product, range(options.products)))
        fill(rows)
        first, second = versions(rows, options, options.models or Path(scratch))
        environment = {**it.environment, "KEY_RATE_SECRET": "1000000/second"}
        with serving(environment, log=it.folder / "web.log") as workers:
            decide(workers, first, second, options)
    return 0


def fill(rows: "list[ProductRow]") -> None:
    """Put the products into the catalog."""
    from catalog.services import bulk_upsert

    stated = ("product_id", "title", "description", "brand", "price", "currency", "stock", "group_id", "attributes")
    done = bulk_upsert(
        ({**{name: getattr(row, name) for name in stated}, "category": list(row.category)} for row in rows),
        actor="system:bench",
    )
    if done.rejected:
        raise RuntimeError(f"refused: {done.rejected[0]}")


def versions(rows: "list[ProductRow]", options: argparse.Namespace, models: Path) -> tuple[str, str]:
    """Return the names of two versions of a model that passed the gate."""
    from recsys.ranking.model import HybridModel
    from tests.modelops.releases import passed_version

    versions_made = []
    for seed, product_rows in ((1, rows[: -2 * NEWER]), (2, rows[:-NEWER])):
        folder = models / f"{len(product_rows)}-{seed}"
        snapshot.model(product_rows, options, folder, seed=seed)
        versions_made.append(passed_version(HybridModel.load(folder)))
    return versions_made[0], versions_made[1]


def decide(workers: Workers, first: str, second: str, options: argparse.Namespace) -> None:
    """Promote both, roll back and forth, and print how long each took until both workers answered by it."""
    from modelops.services.registry import promote, roll_back

    promote(first, actor="system:bench")
    workers.follow(live(first), within=START_SECONDS + PATIENCE)

    def timed(name: str, version: str, decision: Callable[[], Any]) -> None:
        time.sleep(options.rest)
        began = time.monotonic()
        decision()
        wrote = time.monotonic() - began
        took = workers.follow(live(version), within=PATIENCE)
        print(f"{name:10} written in {wrote:5.2f} s, live everywhere {took:5.2f} s later; {LIMIT:.0f} s", flush=True)

    timed("promote", second, lambda: promote(second, actor="system:bench"))
    for number in range(options.rounds):
        timed("roll back", (first, second)[number % 2], lambda: roll_back(actor="system:bench"))


if __name__ == "__main__":
    sys.exit(main())
