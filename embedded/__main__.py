"""`python -m embedded up|down|clean`, what the Makefile calls."""

import argparse

from embedded import launch


def main() -> None:
    """Do as the command line says."""
    parser = argparse.ArgumentParser(description="Run the demo on embedded services.")
    parser.add_argument("order", choices=("up", "down", "clean"))
    parser.add_argument("--detach", action="store_true", help="return when the demo answers, and leave it running")
    arguments = parser.parse_args()
    try:
        if arguments.order == "up":
            launch.up(detach=arguments.detach)
        elif arguments.order == "down":
            launch.down()
        else:
            launch.clean()
    except (RuntimeError, OSError) as error:
        # The machine's: a full disk, a folder of somebody else. A traceback would hide the words that say what it is.
        raise SystemExit(f"\nThe demo stopped: {error}") from None


main()
