"""Exit codes of commands."""

from typing import Final

STOPPED: Final = 130
"""After Ctrl-C."""
TRY_AGAIN: Final = 75
"""A store went away in the middle; the same command may succeed in a moment (EX_TEMPFAIL)."""
