"""Programs that are handed out: one file each, which needs Python alone."""

import re
from pathlib import Path
from types import ModuleType
from typing import Final

PART: Final = re.compile(r"^from audit\.(\w+) import .*  # in an export that file itself\n", re.MULTILINE)


def program(module: ModuleType) -> str:
    """Return the module's file with the files that it imports from this room in the place of their imports."""
    return _joined(Path(str(module.__file__)))


def _joined(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    return PART.sub(lambda match: _joined(path.with_name(f"{match[1]}.py")), text)
