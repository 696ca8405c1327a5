"""The code of the page on experiments in the storefront runs as it stands, but for host and key."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from access.scopes import SCOPE_NAMES
from access.services import create_key
from tests.sdk.conftest import Shop
from tests.sdk.experiment_clients import our_arms, start_experiment

PAGE = (settings.BASE_DIR / "docs" / "experiments-sdks.md").read_text()
FENCE = re.compile(r"### (\w+: [^\n]+)\n.*?```(\w+)\n(.*?)```", re.DOTALL)
SNIPPETS = FENCE.findall(PAGE)
SHOPPER = {"id": "U1", "anonymous_id": "a1"}


def test_the_page_shows_each_sdk_that_is_tested() -> None:
    assert [title.partition(": ")[2] for title, _, _ in SNIPPETS] == [
        "growthbook",
        "openfeature-provider-ofrep",
        "@growthbook/growthbook",
        "@openfeature/ofrep-web-provider",
    ]


@pytest.mark.sdk_node
@pytest.mark.parametrize(("title", "language", "code"), SNIPPETS, ids=[title for title, _, _ in SNIPPETS])
def test_a_snippet_prints_the_value_of_our_arm(
    shop: Shop, node_folder: Path, tmp_path: Path, title: str, language: str, code: str
) -> None:
    start_experiment(coverage=1.0, namespace=None)
    secret = create_key(kind="sk", name="docs", scopes=sorted(SCOPE_NAMES))[1]
    code = code.replace("https://vitrine.example", shop.host).replace("pk_demo", shop.key).replace("sk_demo", secret)
    script = (tmp_path / "snippet.py") if language == "python" else node_folder / "snippet.mjs"
    script.write_text(code)
    command = [sys.executable, str(script)] if language == "python" else ["node", str(script)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stderr
    ((_, value),) = our_arms([SHOPPER])
    assert ast.literal_eval(done.stdout.strip().splitlines()[-1]) == value
