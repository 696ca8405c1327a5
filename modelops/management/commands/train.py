"""Train a model in this process, with a progress bar; promote it, or print why not."""

import signal
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from common import installation
from modelops.models import RunState, Sampler
from modelops.services.runs import queue_once, queue_training
from modelops.services.training import run_training
from recsys.evaluation.command_line import Refused, check_writable

LONGEST = 400
"""The longest path of a study, which is made absolute."""


class Command(BaseCommand):
    """`manage.py train [--budget SECONDS [--sampler NAME] [--study FILE]] [--exposure STRENGTH] [--seed N] …`."""

    help = "Train, judge, register and promote a model."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("--budget", type=int, default=0, metavar="SECONDS", help="Time of tuning; 0: none.")
        parser.add_argument(
            "--sampler",
            choices=Sampler.values,
            default=Sampler.TPE,
            help="How settings are searched for, with --budget (tpe).",
        )
        parser.add_argument(
            "--study",
            default="",
            metavar="FILE",
            help="Store the search here, to continue it next time; default: in the model directory.",
        )
        parser.add_argument(
            "--exposure",
            type=float,
            default=settings.EXPOSURE_STRENGTH,
            metavar="STRENGTH",
            help="How strongly over-exposed items are held back, 0 to 1; default: EXPOSURE_STRENGTH.",
        )
        parser.add_argument(
            "--seed",
            type=int,
            default=7,
            metavar="N",
            help="Seed of everything random: models, negatives, searches (7).",
        )
        parser.add_argument(
            "--recommendations", type=Path, metavar="FILE", help="Write the held-out answers to this Parquet file."
        )
        parser.add_argument("--force", action="store_true", help="Train even if a data check refuses.")
        parser.add_argument(
            "--thorough", action="store_true", help="Report also what each source is worth, and SVD step by step."
        )
        parser.add_argument("--background", action="store_true", help="Hand the training to a worker and return.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Queue the training, then run it unless it goes to a worker."""
        background = options["background"]
        for name, most in (("budget", 7 * 86_400), ("exposure", 1), ("seed", 2**31 - 1)):
            if not 0 <= options[name] <= most:
                raise CommandError(f"--{name}: 0 to {most}")
        if len(options["study"]) > LONGEST:
            raise CommandError(f"--study: {LONGEST} characters at most")
        if options["recommendations"] and not background:
            try:
                check_writable(options["recommendations"], option="recommendations")
            except Refused as refusal:
                raise CommandError(str(refusal)) from refusal
        if not background:
            installation.take_for_command("MODEL_DIR")
        wishes = {name: options[name] for name in ("sampler", "study", "exposure", "seed")}
        wishes |= {"budget_s": options["budget"], "forced": options["force"], "thorough": options["thorough"]}
        if options["study"] and "://" not in options["study"]:
            wishes["study"] = str(Path(options["study"]).resolve())  # a worker may have another current directory
        if background and not options["recommendations"]:
            # After a failed broker, a second call queues the same run again.
            run, _ = queue_once(actor="system:command", **wishes)
        else:
            run = queue_training(
                actor="system:command", hand_over=background, slates=options["recommendations"], **wishes
            )
        if background:
            self.stdout.write(f"training run {run.pk} is queued")
            return
        with tqdm(total=100, unit="%", bar_format="{l_bar}{bar}| {elapsed} {desc}") as bar:
            # On SIGTERM a run writes its end into its row first.
            before = signal.signal(signal.SIGTERM, signal.default_int_handler)
            try:
                run = run_training(run.pk, listener=_listener(bar), slates=options["recommendations"])
            except KeyboardInterrupt as error:
                run.refresh_from_db()
                if run.state != RunState.DONE:
                    raise CommandError(run.message or "stopped; nothing was changed") from error
            finally:
                signal.signal(signal.SIGTERM, before)
        if run.state in (RunState.FAILED, RunState.STOPPED):
            raise CommandError(run.message)
        self.stdout.write(run.message)
        for name, value in (run.model_version.metrics if run.model_version else {}).items():
            self.stdout.write(f"  {name}: {value:.4f}")


def _listener(bar: "tqdm[Any]") -> Any:
    def show(step: str, share: float) -> None:
        bar.set_description_str(step, refresh=False)
        bar.update(max(0.0, round(100 * share, 1) - bar.n))

    return show
