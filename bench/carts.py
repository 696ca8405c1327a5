"""What else a basket holds: our ranker of carts beside tuned peers on a folder of interactions, in one run.

    make bench-complete-journey ARGS=FOLDER && make bench-carts ARGS="FOLDER --budget 600"

Everything is passed on to `manage.py evaluate FOLDER --protocol cart --peers`.
"""

import subprocess
import sys


def main() -> int:
    """Run the evaluation."""
    command = [sys.executable, "manage.py", "evaluate", *sys.argv[1:], "--protocol", "cart", "--peers"]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
