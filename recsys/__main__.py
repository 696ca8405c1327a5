"""`python -m recsys evaluate FOLDER`: the evaluation without Django, PostgreSQL or Redis."""

import sys
from argparse import ArgumentParser

from recsys.evaluation.command_line import Refused, add_arguments, run


def main() -> int:
    """Run the command that the arguments name; return its exit code."""
    parser = ArgumentParser(prog="python -m recsys", description=__doc__)
    commands = parser.add_subparsers(required=True)
    add_arguments(commands.add_parser("evaluate", help="train on a folder, judge on its last part, compare with peers"))
    try:
        run(parser.parse_args())
    except Refused as refusal:
        sys.stderr.write(f"{refusal}\n")
        return refusal.code
    return 0


if __name__ == "__main__":
    sys.exit(main())
