"""Send simulated shoppers to a running installation, and print the plant beside what the pages count."""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Final

import redis
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from common import fast_clock
from common.demo_keys import SECRET_KEY
from common.errors import DomainError
from demo import filling, simulated_runs
from demo.progress import Bar
from demo.simulated_runs import PLACEMENTS, Run
from demo.simulation.effects import Effects
from demo.simulation_report import outcome_lines, truth_lines
from demo.simulator import Outcome, Simulator
from demo.storefront import RequestFailed, Storefront
from events.services.performance import count_new

DAYS_A_MINUTE: Final = 1440.0
"""The speed of the clock at which a real minute is a day."""
RECORDER_PATIENCE_S: Final = 60.0
LIVE_WITHIN_S: Final = 3.0
"""Every worker knows a new placement and rule by then."""


class Command(BaseCommand):
    """Simulated shoppers over HTTP."""

    help = "Send simulated shoppers to the running demo over HTTP; they click by planted tastes and effects."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        effects = Effects()
        parser.add_argument("--shoppers", type=int, default=2000, help="How many different shoppers visit.")
        parser.add_argument("--visits", type=float, default=600, help="Visits in a real minute.")
        parser.add_argument("--minutes", type=float, default=2, help="Real minutes.")
        parser.add_argument("--seed", type=int, default=1, help="Decides who visits what, and what chance does.")
        parser.add_argument("--speed", type=float, default=0, help="Simulated days in a real minute; 0: the real time.")
        parser.add_argument("--clicks", type=float, default=effects.clicks, help="Planted clicks for each answer.")
        parser.add_argument("--lift", type=float, default=effects.lift, help="Planted lift of the hybrid.")
        parser.add_argument("--pin-cost", type=float, default=effects.pin_cost, help="Planted loss of clicks by a pin.")
        parser.add_argument("--url", help="Another installation, which has the placements: only what was sent is told.")
        parser.add_argument("--key", default=SECRET_KEY, help="A secret key that may recommend and send events.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare, run, compare."""
        _check(options)
        effects = Effects(clicks=options["clicks"], lift=options["lift"], pin_cost=options["pin_cost"])
        try:
            storefront = Storefront(options["url"] or settings.PUBLIC_URL, options["key"])
            simulator = Simulator(
                storefront, placements=PLACEMENTS, shoppers=options["shoppers"], seed=options["seed"], effects=effects
            )
            with closing(storefront):
                if options["url"]:
                    _check_answers(storefront)
                    self._run(simulator, options)
                else:
                    self._compare(simulator, effects, options)
        except (RequestFailed, ValueError) as error:
            raise CommandError(str(error)) from error
        except DomainError as error:
            raise CommandError(error.detail) from error
        except redis.RedisError as error:
            raise CommandError(f"Redis does not answer: {error}") from error

    def _compare(self, simulator: Simulator, effects: Effects, options: dict[str, Any]) -> None:
        """Run on this installation, record the run and print the comparison."""
        if not settings.DEMO:
            raise CommandError("this is no demo installation: start `make demo`, or name another one with --url")
        if simulated_runs.prepare():
            time.sleep(LIVE_WITHIN_S)
        _check_answers(simulator.storefront)
        self._settle()
        first = simulated_runs.today()
        before = simulated_runs.page_totals(first=first, last=first) | simulated_runs.rule_totals()
        minutes = options["minutes"]
        with _fast_clock(options["speed"], minutes=minutes):
            outcome = self._run(simulator, options)
        self._settle()
        run = Run(first, simulated_runs.today(), effects, dict(outcome.tallies), before)
        simulated_runs.note_run(run)
        self.stdout.write("\n".join(truth_lines(run)))
        self.stdout.write("  `manage.py simulated_truth` prints this again, for instance after recount_performance")

    def _run(self, simulator: Simulator, options: dict[str, Any]) -> Outcome:
        storefront = simulator.storefront
        with Bar("visits", total=round(options["visits"] * options["minutes"])) as bar:
            outcome = simulator.run(per_minute=options["visits"], minutes=options["minutes"], progress=bar)
        self.stdout.write("\n".join(outcome_lines(outcome, storefront.requests)))
        return outcome

    def _settle(self) -> None:
        """Return when all that was sent is recorded and counted."""
        time.sleep(1)  # served answers are written with a short delay
        if not filling.wait_until_recorded(lambda waiting: None, timeout_s=RECORDER_PATIENCE_S):
            raise CommandError("the recorder does not move: start `manage.py consume`")
        count_new()


def _check_answers(storefront: Storefront) -> None:
    """Raise RequestFailed for an unknown placement, a refused key or a silent server, before shoppers come."""
    for placement in PLACEMENTS:
        storefront.recommend(placement, {"personalized": "false", "limit": "1"})


def _check(options: dict[str, Any]) -> None:
    """Raise CommandError for a number that cannot be meant."""
    bounds = {
        "shoppers": (1, 100_000), "visits": (1, 60_000), "minutes": (0.01, 1440), "speed": (0, 60), "seed": (0, 2**32),
        "clicks": (0.001, 0.5), "lift": (-0.9, 1), "pin_cost": (0, 0.9),
    }  # fmt: skip
    for name, (low, high) in bounds.items():
        if not low <= options[name] <= high:  # false for NaN too
            raise CommandError(f"--{name.replace('_', '-')}: expected a number from {low} to {high}")
    if options["speed"] and options["url"]:
        raise CommandError("--speed: the clock of another installation cannot be set from here")
    if options["speed"] and not settings.FAST_CLOCK:
        raise CommandError("--speed: this installation keeps the real time (FAST_CLOCK)")


@contextmanager
def _fast_clock(speed: float, *, minutes: float) -> Iterator[None]:
    """Let the product's clock run fast during the block; `speed` in days a real minute, 0: not at all."""
    if not speed:
        yield
        return
    seconds = minutes * 60
    fast_clock.run_fast(max(1.0, speed * DAYS_A_MINUTE), seconds=seconds)
    time.sleep(fast_clock.LEAD_US / 1e6)
    try:
        yield
    finally:
        fast_clock.slow_down()
        time.sleep(fast_clock.LEAD_US / 1e6)
