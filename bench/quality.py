"""Our released model beside tuned open-source models on a folder of interactions, in one run.

    make bench-quality ARGS="FOLDER --mode new --budget 600"

Everything is passed on to `manage.py evaluate FOLDER --peers`; then the figure is recomputed from the written answers.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    """Run the evaluation with peers, and recompute its figure where the protocol is temporal."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--mode", default="repeat")
    parser.add_argument("--protocol", default="temporal")
    parser.add_argument("--recommendations")
    options, rest = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as scratch:
        answers = options.recommendations or str(Path(scratch) / "answers.parquet")
        arguments = ["--mode", options.mode, "--protocol", options.protocol, "--recommendations", answers]
        command = [sys.executable, "manage.py", "evaluate", options.folder, "--peers", *arguments, *rest]
        code = subprocess.run(command, check=False).returncode
        if code or options.protocol != "temporal":
            return code
        again = [sys.executable, "-m", "bench.recompute_ndcg", options.folder, answers, "--mode", options.mode]
        return subprocess.run(again, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
