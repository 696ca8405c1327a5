"""`manage.py evaluate PATH`: our pipeline and tuned open-source models on a shop's history. Needs no database."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_args

import numpy as np
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from common.exits import STOPPED
from personalization.management.output import writable
from personalization.services.figures import storable
from personalization.training.dataset import build
from personalization.training.diagnosis import order_for_time, untimed, unusable
from personalization.training.evaluate import Options, evaluate
from personalization.training.folds import Protocol
from personalization.training.plan import OPTIONAL, ranked_sources
from personalization.training.report_lines import told
from personalization.training.shop_files import FILES, frames_of, named_as_given
from personalization.training.tune import SAMPLERS, Search


class Command(BaseCommand):
    """Judges what the pipeline would release, on data in files."""

    help = (
        "Train on interactions.parquet (and items, shoppers) of a folder, judge on its last part, compare with peers."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the folder and what to write."""
        parser.add_argument("path", type=Path, help="folder with interactions.parquet, perhaps items and shoppers")
        parser.add_argument(
            "--protocol", choices=get_args(Protocol), default="temporal", help="which questions are asked (temporal)"
        )
        parser.add_argument(
            "--mode", choices=("repeat", "new"), default="repeat", help="new: drop items had before (repeat)"
        )
        parser.add_argument(
            "--live",
            action="store_true",
            help="teach the ranker in the middle of visits too, as trainings of a shop do",
        )
        parser.add_argument("--peers", action="store_true", help="tune and judge open-source models in the same run")
        parser.add_argument(
            "--budget",
            type=float,
            default=0.0,
            metavar="SECONDS",
            help="tuning time of our sources, and of all peers together; 0: the settings they begin with",
        )
        parser.add_argument(
            "--sampler", choices=SAMPLERS, default="tpe", help="how settings are searched for, with --budget (tpe)"
        )
        parser.add_argument("--study", metavar="FILE", help="keep the search here, and go on with it next time")
        parser.add_argument(
            "--extra", action="append", default=[], choices=OPTIONAL, help="one more source; repeatable"
        )
        parser.add_argument(
            "--exposure",
            type=float,
            default=settings.EXPOSURE_STRENGTH,
            metavar="STRENGTH",
            help="how strongly over-exposed items are held back, 0 to 1; else as EXPOSURE_STRENGTH says",
        )
        parser.add_argument(
            "--seed",
            type=int,
            default=7,
            metavar="N",
            help="seed of what else is drawn: models, negatives, searches (7)",
        )
        parser.add_argument("--json", type=Path, metavar="OUT", help="write the whole report, as JSON")
        parser.add_argument(
            "--recommendations", type=Path, metavar="OUT", help="write user, rank, item, score, as Parquet"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Read, evaluate, print, write."""
        _check(options)
        with _refusing():
            interactions, items, shoppers = frames_of(options["path"])
            timed = not untimed(interactions)
        pictures = folder if (folder := options["path"] / "pictures").is_dir() else None
        if not timed:
            for line in order_for_time(interactions, protocol=options["protocol"]):
                self.stderr.write(line)
            interactions = interactions.assign(timestamp=np.arange(1.0, len(interactions) + 1))
        with _refusing():
            asked = _asked(options)
        with tqdm(total=100, file=sys.stderr, bar_format="{percentage:3.0f}% {elapsed} {desc}") as bar:

            def progress(message: str, share: float) -> None:
                bar.set_description_str(message)
                bar.update(max(0.0, round(100 * share) - bar.n))

            with _refusing():
                dataset = build(
                    interactions, items, shoppers, pictures=pictures, weights=settings.EVENT_WEIGHTS, timed=timed
                )
                for line in unusable(dataset, interactions, items, shoppers, timed=timed):
                    bar.clear()  # else the line stands behind it
                    self.stderr.write(line)
                found = evaluate(dataset, asked, progress=progress)
        for why in asked.search.lost:
            self.stderr.write(f"--study: the search could not be kept: {why}")
        for line in told(found.report):
            self.stdout.write(line)
        try:
            if options["json"]:
                text = json.dumps(storable(found.report), indent=1, default=str, allow_nan=False)
                options["json"].write_text(text + "\n")
            if options["recommendations"]:
                answers = named_as_given(found.recommendations, interactions, items)
                answers.to_parquet(options["recommendations"], index=False)
        except OSError as error:
            raise CommandError(f"what was found could not be written: {error}") from error


def _check(options: Mapping[str, Any]) -> None:
    """Raise CommandError, before anything is read, for numbers out of range and files that cannot be written."""
    outputs = {name: options[name] for name in ("json", "recommendations") if options[name]}
    for name, file in outputs.items():
        writable(file, option=name)
        if file.resolve() in {(options["path"] / one).resolve() for one in FILES}:
            raise CommandError(f"--{name}: {file} is read, it would be overwritten")
    if len({file.resolve() for file in outputs.values()}) < len(outputs):
        raise CommandError("--json and --recommendations: two files")
    if not 0 <= options["budget"] < float("inf"):
        raise CommandError("--budget: seconds, 0 or more")
    if not 0 <= options["exposure"] <= 1:
        raise CommandError("--exposure: 0 to 1")
    if not 0 <= options["seed"] < 2**31:
        raise CommandError(f"--seed: 0 to {2**31 - 1}")


def _asked(options: Mapping[str, Any]) -> Options:
    """Return what to compare. Raises ValueError for wishes that exclude each other, or want what is not installed."""
    return Options(
        names=ranked_sources(options["extra"]),
        protocol=options["protocol"],
        new_only=options["mode"] == "new",
        with_peers=options["peers"],
        budget_s=options["budget"],
        seed=options["seed"],
        search=Search(options["sampler"], options["study"]),
        exposure=options["exposure"],
        live=options["live"],
    )


@contextmanager
def _refusing() -> Iterator[None]:
    """Say as a command does what is wrong with files and wishes, and that it was stopped."""
    try:
        yield
    except ValueError as error:
        raise CommandError(str(error)) from error
    except KeyboardInterrupt as stop:
        raise CommandError("stopped before the end: no report is written", returncode=STOPPED) from stop
