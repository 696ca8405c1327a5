"""`python -m embedded up|down|clean`, called by the Makefile."""

import argparse

from embedded import launch


def main() -> None:
    """Run the command."""
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
        # A fault of the machine, such as a full disk or a folder of another user. A traceback would hide its message.
        raise SystemExit(f"\nThe demo stopped: {error}") from None


main()
