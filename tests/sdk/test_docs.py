"""The snippets of the storefront page run as they stand, but for host and key."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.conf import settings

from tests.sdk.conftest import Shop

if TYPE_CHECKING:
    from events.types.base import Event

Reader = Callable[[], dict[str, "Event"]]
PAGE = (settings.BASE_DIR / "docs" / "storefront.md").read_text()
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n### ")[1:]}
FENCE = re.compile(r"```(sh|python)\n(.*?)```", re.DOTALL)
SENDING = [
    (title, *found.groups())
    for title, section in SECTIONS.items()
    if "P123" in section and (found := FENCE.search(section))
]


def test_the_page_has_a_snippet_for_every_way_that_needs_no_node() -> None:
    assert [title for title, *_ in SENDING] == [
        "By hand",
        "Python: segment-analytics-python",
        "Python: rudder-sdk-python",
        "Google Analytics 4: Measurement Protocol",
    ]


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


def _consent_before(user_id: str) -> None:
    """Let the user allow analytics, as the page of the shop would have asked."""
    from consents.services import decide_for

    decide_for(f"user:{user_id}", decisions={"analytics": True}, actor="system:test")
