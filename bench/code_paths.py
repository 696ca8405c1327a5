"""How many of our files and functions one training and one answer pass, by a profile hook.

A small shop is trained in this process, and its home page answered in it over Django's test client. Beside each figure
stands that of the code before `recsys` was split off (commit 9962645, the same shop and request).
"""

import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from bench._stage import ROOT, stage

BEFORE = {"training": (88, 573), "answer": (72, 0)}
"""Files and functions of the code before; 0: not counted then."""


def main() -> int:
    """Print both figures."""
    with stage() as it:
        os.environ.update({**it.environment, "DJANGO_SETTINGS_MODULE": "config.settings", "SERVING_REFRESH": "inline"})
        os.environ["ALLOWED_HOSTS"] = "testserver"
        from bench import serving

        keys: list[str] = []
        training_paths = passes(lambda: keys.append(serving.shop(200, 150, train=serving.trained)))
        serving.profiles(200, 150)
        from django.test import Client

        path = "/api/v1/recommendations/home?user_id="
        ask = Client(headers={"authorization": f"Bearer {keys[0]}"}).get
        assert ask(path + "u1").json()["personalized"]
        answered = passes(lambda: ask(path + "u2"))  # the answer to u1 is remembered
    report("training", {name for name in training_paths if name[0].startswith("recsys/")})
    report("answer", answered)
    return 0


def passes(call: Callable[[], object]) -> set[tuple[str, str]]:
    """Return (file, function) of all of our own code that a call passes, in any of its threads."""
    passed: set[tuple[str, str]] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            code = frame.f_code
            if code.co_filename.startswith(str(ROOT)) and ".venv" not in code.co_filename:
                passed.add((str(Path(code.co_filename).relative_to(ROOT)), code.co_qualname))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return {one for one in passed if not one[0].startswith(("bench/", "tests/"))}


def report(name: str, passed: set[tuple[str, str]]) -> None:
    """Print a figure beside that of before."""
    files, functions = BEFORE[name]
    own = {file for file, function in passed if function != "<module>"}
    calls = {one for one in passed if one[1] != "<module>"}
    print(
        f"{name:9} {len(own):4} files, {len(calls):4} functions (before: {files} files, {functions or '–'} functions)"
    )


if __name__ == "__main__":
    sys.exit(main())
