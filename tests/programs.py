"""Programs that some tests drive and not every machine has."""

import os
import shutil
from functools import lru_cache

NEEDS = {"browser": "Chromium", "sdk_node": "Node.js with npm", "spark": "Java", "load": "wrk and h2load"}
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@lru_cache(maxsize=1)
def missing() -> tuple[str, ...]:
    """Return the markers whose program is not here."""
    markers = {
        "browser": chromium() is not None,
        "sdk_node": bool(shutil.which("node") and shutil.which("npm")),
        "spark": shutil.which("java") is not None,
        "load": bool(shutil.which("wrk") and shutil.which("h2load")),
    }
    return tuple(marker for marker, here in markers.items() if not here)


def chromium() -> str | None:
    """Return the path of the browser: CHROMIUM, or the first known name on the PATH."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)
