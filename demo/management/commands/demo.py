"""Load a demo shop into an empty installation, train a model, and print URLs and logins. Safe to run again."""

import os
import time
from typing import Any

import redis
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import InterfaceError, OperationalError

from common import clock, exits
from common.credentials import masked
from common.errors import DomainError, Unavailable
from demo import experiment, filling, screen, setup, training
from demo.datasets.base import DemoData
from demo.datasets.registry import DATASETS, load
from demo.progress import Bar
from demo.simulation.home_visits import HomeVisits

RECORDER_PATIENCE_S = 60.0


class Command(BaseCommand):
    """The demo: keys, logins, placements, data, a trained model, one screen."""

    help = "Load the demo shop, train a model, and print URLs and logins. Existing data stay."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        default = os.environ.get("DATASET") or "simulated"
        parser.add_argument("--dataset", default=default, help=f"One of {', '.join(DATASETS)} (or DATASET).")
        parser.add_argument("--screen", action="store_true", help="Only print the addresses of a loaded demo.")
        parser.add_argument("--here", action="store_true", help="Train in this process, without a Celery worker.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the missing steps."""
        if not settings.DEMO:
            raise CommandError("this is no demo installation: set DEMO=1")
        try:
            if not options["screen"]:
                self._fill(options["dataset"])
            data_set = filling.loaded_dataset()
            if data_set is None:
                raise CommandError("nothing is loaded yet: run `manage.py demo`")
            if options["screen"]:
                self.stdout.write("\n".join(screen.lines(data_set)))
            elif data_set["products"]:
                self._train(here=options["here"])
        except (OperationalError, InterfaceError, redis.RedisError, Unavailable) as error:
            message = f"a store went away: {masked(str(error))}"
            raise CommandError(message, returncode=exits.TRY_AGAIN) from error
        except DomainError as error:
            raise CommandError(error.detail) from error

    def _fill(self, dataset: str) -> None:
        setup.prepare()
        if filling.check_loaded(dataset):
            self.stdout.write(f"  {dataset} is loaded already")
            return
        data = load(dataset, now=clock.now(), currency=settings.SHOP_CURRENCY)
        self.stdout.write(f"  {data.note}")
        if data.n_products:
            self._send(data)
        filling.note_loaded(data)

    def _send(self, data: DemoData) -> None:
        began = time.monotonic()
        with Bar("products", total=data.n_products) as bar:
            filling.fill_catalog(data, bar)
        setup.set_rest_days(data.rest_days)
        setup.make_segments()
        with Bar("events sent", total=data.n_items) as bar:
            filling.send_events(data, bar)
        if data.home_visits is not None:
            self._experiment(data, data.home_visits)
        self._wait_for_recorder(data)
        self.stdout.write(f"  loaded in {time.monotonic() - began:.0f} s")

    def _experiment(self, data: DemoData, visits: HomeVisits) -> None:
        experiment.start_experiment(now=visits.end, example_shopper=data.known_shopper)
        with Bar("home page experiment", total=experiment.n_visits(visits)) as bar:
            experiment.send_history(visits, bar)

    def _wait_for_recorder(self, data: DemoData) -> None:
        with Bar("events recorded", total=data.n_items) as bar:
            complete = filling.wait_until_recorded(
                lambda waiting: bar.reach(max(0, data.n_items - waiting)), timeout_s=RECORDER_PATIENCE_S
            )
            bar.reach(data.n_items if complete else 0)
        if not complete:
            raise CommandError("the recorder does not move: start `manage.py consume`, then run this again")

    def _train(self, *, here: bool) -> None:
        if training.has_live_model():
            self.stdout.write("  a model is live already")
            return
        with Bar("training", total=100, unit=" %") as bar:
            version = training.train(lambda percent, step: bar.reach(percent, note=f" {step}"), here=here)
        self.stdout.write(f"  model {version} is live")
