"""Progress: a bar on a terminal, occasional lines in a log file."""

import sys

from tqdm import tqdm

PERSON_SECONDS, FILE_SECONDS = 0.3, 15.0


class Bar:
    """The progress bar of one step. Use it as a context manager; call it with each finished amount."""

    def __init__(self, label: str, *, total: int, unit: str = "") -> None:
        self._interactive = sys.stderr.isatty()
        self._bar = tqdm(
            total=total, desc=f"  {label:<22}", unit=unit, ascii=" ━", leave=True,
            mininterval=PERSON_SECONDS if self._interactive else FILE_SECONDS, maxinterval=FILE_SECONDS,
            bar_format="{desc} {percentage:3.0f} % |{bar:28}| {n_fmt}/{total_fmt} {elapsed}{postfix}",
        )  # fmt: skip

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def __call__(self, amount: int) -> None:
        """Add the amount."""
        self._bar.update(amount)

    def reach(self, amount: int, *, note: str = "") -> None:
        """Set the bar to the amount, with a note on the current work."""
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(amount - self._bar.n)
        if self._interactive:
            self._bar.refresh()
