"""`evaluate FOLDER` as a command: reads the files, evaluates, prints the summary, writes the report.

`python -m recsys evaluate` and `manage.py evaluate` both call it. Errors that the user can fix are raised as Refused.
"""

import json
import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from tqdm import tqdm

from recsys.data.dataset import build
from recsys.data.diagnosis import input_warnings, lacks_times, row_order_warnings
from recsys.data.files import FILES, read_frames, with_original_ids
from recsys.data.folds import Protocol
from recsys.data.pictures import pictures_in
from recsys.evaluation.carts import cart_lines, evaluate_carts
from recsys.evaluation.evaluate import Options, evaluate
from recsys.evaluation.report_lines import summary_lines
from recsys.evaluation.report_values import storable
from recsys.training.plan import OPTIONAL, ranked_sources
from recsys.training.tuning import SAMPLERS, Search

STOPPED = 130
"""Exit code of a command that Ctrl-C ended."""


PROTOCOLS = {"cart": (evaluate_carts, cart_lines)}
"""Protocols with an evaluation and lines of their own."""


class Refused(Exception):
    """The command cannot run as requested; the message says why. `code` is the exit code."""

    def __init__(self, message: str, *, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Defaults:
    """Settings of an installation: weights of events by signal, and the exposure strength in [0, 1]."""

    weights: Mapping[str, float] | None = None
    exposure: float = 0.0


def add_arguments(parser: ArgumentParser, defaults: Defaults = Defaults()) -> None:
    """Add the arguments of `evaluate`."""
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
    parser.add_argument("--extra", action="append", default=[], choices=OPTIONAL, help="one more source; repeatable")
    parser.add_argument(
        "--exposure",
        type=float,
        default=defaults.exposure,
        metavar="STRENGTH",
        help="how strongly over-exposed items are held back, 0 to 1",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=7,
        metavar="N",
        help="seed of what else is drawn: models, negatives, searches (7)",
    )
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the whole report, as JSON")
    parser.add_argument("--recommendations", type=Path, metavar="OUT", help="write user, rank, item, score, as Parquet")


def run(
    options: Namespace,
    *,
    defaults: Defaults = Defaults(),
    out: Callable[[str], object] = lambda line: sys.stdout.write(f"{line}\n"),
    warn: Callable[[str], object] = lambda line: sys.stderr.write(f"{line}\n"),
) -> None:
    """Evaluate a folder; `out` takes the lines of the summary, `warn` the warnings. Raises Refused."""
    _check(options)
    with _refusing():
        interactions, items, shoppers = read_frames(options.path)
        timed = not lacks_times(interactions)
    pictures = pictures_in(folder) if (folder := options.path / "pictures").is_dir() else None
    if not timed:
        for line in row_order_warnings(interactions, protocol=options.protocol):
            warn(line)
        interactions = interactions.assign(timestamp=np.arange(1.0, len(interactions) + 1))
    with _refusing():
        evaluate_options = _options(options)
    with tqdm(total=100, file=sys.stderr, bar_format="{percentage:3.0f}% {elapsed} {desc}") as bar:

        def progress(message: str, share: float) -> None:
            bar.set_description_str(message)
            bar.update(max(0.0, round(100 * share) - bar.n))

        with _refusing():
            dataset = build(interactions, items, shoppers, pictures=pictures, weights=defaults.weights, timed=timed)
            for line in input_warnings(dataset, interactions, items, shoppers, timed=timed):
                bar.clear()  # else the line is appended to the bar
                warn(line)
            runner, lines_of = PROTOCOLS.get(evaluate_options.protocol, (evaluate, summary_lines))
            evaluation = runner(dataset, evaluate_options, progress=progress)
    for why in evaluate_options.search.lost:
        warn(f"--study: the search could not be kept: {why}")
    for line in lines_of(evaluation.report):
        out(line)
    try:
        if options.json:
            text = json.dumps(storable(evaluation.report), indent=1, default=str, allow_nan=False)
            options.json.write_text(text + "\n")
        if options.recommendations:
            answers = with_original_ids(evaluation.recommendations, interactions, items)
            answers.to_parquet(options.recommendations, index=False)
    except OSError as error:
        raise Refused(f"the report could not be written: {error}") from error


def check_writable(file: Path, *, option: str) -> None:
    """Raise Refused where a file cannot be written, before the work begins."""
    folder = file.absolute().parent
    if not folder.is_dir():
        raise Refused(f"--{option}: there is no folder {folder}")
    if file.is_dir():
        raise Refused(f"--{option}: {file} is a folder, name a file")
    if not os.access(file if file.exists() else folder, os.W_OK):
        raise Refused(f"--{option}: {file} cannot be written")


def _check(options: Namespace) -> None:
    """Raise Refused for numbers out of range and files that cannot be written, before anything is read."""
    outputs = {name: file for name in ("json", "recommendations") if (file := getattr(options, name))}
    for name, file in outputs.items():
        check_writable(file, option=name)
        if file.resolve() in {(options.path / one).resolve() for one in FILES}:
            raise Refused(f"--{name}: {file} is read, it would be overwritten")
    if len({file.resolve() for file in outputs.values()}) < len(outputs):
        raise Refused("--json and --recommendations: two files")
    if not 0 <= options.budget < float("inf"):
        raise Refused("--budget: seconds, 0 or more")
    if not 0 <= options.exposure <= 1:
        raise Refused("--exposure: 0 to 1")
    if not 0 <= options.seed < 2**31:
        raise Refused(f"--seed: 0 to {2**31 - 1}")


def _options(options: Namespace) -> Options:
    """Return the options. Raises ValueError where they exclude each other or need a package that is not installed."""
    return Options(
        names=ranked_sources(options.extra),
        protocol=options.protocol,
        new_only=options.mode == "new",
        with_peers=options.peers,
        budget_s=options.budget,
        seed=options.seed,
        search=Search(options.sampler, options.study),
        exposure=options.exposure,
        live=options.live,
    )


@contextmanager
def _refusing() -> Iterator[None]:
    """Raise Refused for ValueError, as of bad files and options, and for Ctrl-C."""
    try:
        yield
    except ValueError as error:
        raise Refused(str(error)) from error
    except KeyboardInterrupt as stop:
        raise Refused("stopped before the end: no report is written", code=STOPPED) from stop
