"""`docs/named-systems.md` claims only what the code holds, and the extra [deep] is pinned whole."""

import re
import tomllib

from tests.house.tree import ROOT, text_of, tracked

EVIDENCE = {
    "Celery": ["shared_task"],
    "Surprise": ["from surprise import"],
    "scikit-learn": ["non_negative_factorization", "MLPClassifier"],
    "LightGBM": ["lightgbm"],
    "Optuna": ["GridSampler", "RandomSampler", "TPESampler"],
    "MLflow": ["MlflowClient"],
    "PyTorch": ["import torch"],
    "Plotly": ["import plotly"],
    "Apache Spark": ["pyspark"],
    "Channels": ["from channels"],
}
"""What the code holds for each row that names a library."""


def product_code() -> str:
    return "\n".join(
        text_of(name) for name in tracked() if name.endswith(".py") and not name.startswith(("tests/", "bench/"))
    )


def rows() -> dict[str, str]:
    lines = text_of("docs/named-systems.md").splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")]
    return {row[0]: " ".join(row[1:]) for row in cells}


def test_libraries_that_run_are_used_as_claimed() -> None:
    code, claims = product_code(), rows()

    assert claims.keys() >= EVIDENCE.keys()
    assert {name: [use for use in uses if use not in code] for name, uses in EVIDENCE.items()} == {
        name: [] for name in EVIDENCE
    }
    assert "TF-IDF" not in claims["scikit-learn"], "ours: recsys/sources/text.py"


def test_what_is_not_yet_here_has_no_code() -> None:
    code = product_code()

    not_yet = [name for name in EVIDENCE if rows()[name].startswith("not yet")]
    assert [name for name in not_yet if any(use in code for use in EVIDENCE[name])] == []


def test_replay_equals_live_links_the_test_that_replays() -> None:
    link = re.search(r"\[replay equals live\]\(\.\./([^)]+)\)", text_of("docs/pitfalls.md"))

    assert link is not None
    assert "def test_replay_gives_what_live_gave" in text_of(link[1])


def test_pinned_group_is_the_extra_without_torch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extra = project["project"]["optional-dependencies"]["deep"]
    group = project["dependency-groups"]["deep"]

    assert [name for name in extra if not name.startswith("torch")] == group[1:]
    pinned = set(re.findall(r"^([a-z0-9-]+)==", text_of("requirements-deep.txt"), re.M))
    assert set(group[1:]) <= pinned
    assert "torch" not in pinned
