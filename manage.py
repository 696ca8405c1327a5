#!/usr/bin/env python
"""Run an administrative command."""

import os
import sys


def main() -> None:
    """Run the command, against the running demo unless DATABASE_URL is set."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config import command_line, env

    env.load_demo_environment()
    command_line.run(sys.argv)


if __name__ == "__main__":
    main()
