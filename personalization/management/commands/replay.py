"""Compute past answers again from what was logged, and compare them item by item."""

import sys
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common.clock import from_microseconds
from common.errors import NotFound
from personalization.services.replay import Line, Replay, Replayer

TITLES: Final = {
    "identical": "identical",
    "different": "DIFFERENT",
    "unproven": "the same list, but not proven",
    "not_recomputed": "not recomputed",
    "erased": "erased",
}


class Command(BaseCommand):
    """Print both lists side by side; exit with 1 unless all answers are identical."""

    help = "Compute past answers again from what was logged, and compare them item by item."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the answers."""
        parser.add_argument("recommendation_id", nargs="+", help="recommendation_id of the answer")

    def handle(self, *args: Any, **options: Any) -> None:
        """Replay each answer."""
        replayer, all_identical = Replayer(), True
        for recommendation_id in options["recommendation_id"]:
            try:
                result = replayer.replay(recommendation_id)
            except NotFound as error:
                raise CommandError(error.detail) from error
            self.stdout.write("\n".join(lines_of(result)))
            all_identical = all_identical and result.verdict == "identical"
        if not all_identical:
            sys.exit(1)


def lines_of(result: Replay) -> list[str]:
    """Return a replay in lines of text."""
    when = f", {result.placement}, {from_microseconds(result.at):%Y-%m-%d %H:%M:%S} UTC" if result.at else ""
    lines = [f"{result.recommendation_id}{when}: {TITLES[result.verdict]}"]
    lines += [f"  gone: {one}" for one in result.missing_inputs]
    lines += [f"  {text}" for text in (result.difference, result.cause) if text]
    lines += [f"  {doubt}" for doubt in result.doubts if doubt != result.cause]
    if result.recomputed:
        width = max((len(_text(one)) for one in result.stored), default=0)
        lines.append(f"  {'':4}{'was shown':{width}}    recomputed")
        for place in range(max(len(result.stored), len(result.recomputed))):
            one, other = (_text(own[place]) if place < len(own) else "" for own in (result.stored, result.recomputed))
            mark = " " if one == other else "≠"
            lines.append(f"  {place + 1:<4}{one:{width}}  {mark} {other}")
    return lines


def _text(line: Line) -> str:
    return f"{line.get('product_id')} {line.get('score')} {line.get('reason')}"
