"""What a program answers the shell that called it."""

from typing import Final

STOPPED: Final = 130
"""Of one that Ctrl-C ended."""
