"""Our released model beside tuned open-source models on a folder of interactions, in one run.

    make bench-quality ARGS="FOLDER --mode new --budget 600"

Everything is passed on to `manage.py evaluate FOLDER --peers`; then the figure is recomputed from the written answers.
"""

import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> int:
    """Run the evaluation with peers, and recompute its figure where the protocol is temporal."""
    if len(sys.argv) < 2:
        print(__doc__)
        return 2
    folder, rest = sys.argv[1], sys.argv[2:]
    with tempfile.TemporaryDirectory() as scratch:
        answers = Path(scratch) / "answers.parquet"
        command = [sys.executable, "manage.py", "evaluate", folder, "--peers", "--recommendations", str(answers), *rest]
        code = subprocess.run(command, check=False).returncode
        if code or "--protocol" in rest:
            return code
        mode = rest[rest.index("--mode") + 1] if "--mode" in rest else "repeat"
        again = [sys.executable, "-m", "bench.recompute_ndcg", folder, str(answers), "--mode", mode]
        return subprocess.run(again, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
