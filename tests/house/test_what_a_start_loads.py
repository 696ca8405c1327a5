"""Every command, consumer and worker begins by loading the whole of Vitrine: what only a few need waits for these."""

import subprocess
import sys

from tests.house.tree import ROOT

LEARNING = ("lightgbm", "mlflow", "optuna", "sklearn")
START = f"import sys, django; django.setup(); print([name for name in {LEARNING} if name in sys.modules])"


def test_libraries_that_learn_are_loaded_by_who_learns() -> None:
    """Two of them took a third of each start, and sixty megabytes of each process."""
    done = subprocess.run([sys.executable, "-c", START], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
