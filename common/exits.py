"""Exit codes of commands."""

from typing import Final

STOPPED: Final = 130
"""After Ctrl-C."""
