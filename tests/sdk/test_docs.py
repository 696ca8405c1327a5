"""The docs' snippets and requests run as they stand, but for host and key."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings

from access.scopes import SCOPE_NAMES
from common.pseudonyms import subject_pseudonym
from tests.sdk.conftest import Shop

if TYPE_CHECKING:
    from events.types.base import Event

Reader = Callable[[], dict[str, "Event"]]
PAGE = (settings.BASE_DIR / "docs" / "storefront.md").read_text()
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n### ")[1:]}
FENCE = re.compile(r"```(sh|python)\n(.*?)```", re.DOTALL)
REQUESTS = [
    (f"{page.stem}-{number}", request)
    for page in sorted((settings.BASE_DIR / "docs").glob("*.md"))
    for number, request in enumerate(re.findall(r"```sh\n(curl .*?)```", page.read_text(), re.DOTALL))
]
SENDING = [
    (title, *result.groups())
    for title, section in SECTIONS.items()
    if (result := FENCE.search(section)) and "P123" in result[2]
]


def test_the_page_has_a_snippet_for_every_way_that_needs_no_node() -> None:
    assert [title for title, *_ in SENDING] == [
        "By hand",
        "Python: segment-analytics-python",
        "Python: rudder-sdk-python",
        "Google Analytics 4: Measurement Protocol",
    ]


def test_the_browser_sdk_that_is_shown_is_the_one_that_is_tested_and_loads_nothing_from_elsewhere() -> None:
    tested = (Path(__file__).parent / "node" / "rudder.html").read_text()

    assert 'from "@rudderstack/analytics-js/bundled";' in SECTIONS["Browser: @rudderstack/analytics-js"]
    assert "/@rudderstack/analytics-js/dist/npm/modern/bundled/" in tested


@pytest.mark.parametrize(("title", "language", "text"), SENDING, ids=[title for title, *_ in SENDING])
def test_a_snippet_sends_its_event(
    shop: Shop, logged: Reader, tmp_path: Path, title: str, language: str, text: str
) -> None:
    _consent_before("ada")
    code = re.sub("(pk|sk)_demo", shop.key, text.replace("https://vitrine.example", shop.host))
    script = tmp_path / f"snippet.{language}"
    script.write_text(code)

    command = [sys.executable, str(script)] if language == "python" else ["sh", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, shlex.join(command) + done.stderr
    assert logged()["Product Viewed"].properties["product_id"] == "P123"


@pytest.mark.parametrize("request_text", [text for _, text in REQUESTS], ids=[name for name, _ in REQUESTS])
def test_a_request_of_the_docs_is_answered(shop: Shop, tmp_path: Path, request_text: str) -> None:
    from access.services import create_key
    from personalization.services.placements import save_placement

    secret = create_key(kind="sk", name="docs", scopes=sorted(SCOPE_NAMES))[1]
    for key, strategy in {"home": "hybrid", "onboarding": "onboarding"}.items():
        save_placement(key, data={"name": key, "strategy": strategy}, actor="system:test")
    code = re.sub(r"https://(vitrine|shop)\.example(?=/(api|v1|mp)/)", shop.host, request_text)
    code = re.sub(r"pk_(demo|…)", shop.key, code).replace("sk_demo", secret)
    script = tmp_path / "request.sh"
    # A placement is answered within two seconds after it was saved.
    curl = 'command curl --silent --show-error --fail-with-body --retry 4 --retry-delay 1 --retry-all-errors "$@"'
    script.write_text(f"set -e\ncurl() {{ {curl}; }}\n{code}")

    done = subprocess.run(
        ["sh", str(script)], env={"SECRET_KEY": secret, "PATH": os.environ["PATH"]}, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr


def _consent_before(user_id: str) -> None:
    """Let the user allow analytics, as the page of the shop would have asked."""
    from consents.services import decide_for

    decide_for(subject_pseudonym(f"user:{user_id}"), decisions={"analytics": True}, actor="system:test")
