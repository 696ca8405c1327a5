"""A progress bar for a person, a line now and then for a log file."""

import sys

from tqdm import tqdm

PERSON_SECONDS, FILE_SECONDS = 0.3, 15.0


class Bar:
    """One step with its bar. Use as a context manager; call with how much more is done."""

    def __init__(self, label: str, *, total: int, unit: str = "") -> None:
        self._watched = sys.stderr.isatty()
        self._shown = (-1, "")
        self._bar = tqdm(
            total=total, desc=f"  {label:<22}", unit=unit, ascii=" ━", leave=True,
            mininterval=PERSON_SECONDS if self._watched else FILE_SECONDS, maxinterval=FILE_SECONDS,
            bar_format="{desc} {percentage:3.0f} % |{bar:28}| {n_fmt}/{total_fmt} {elapsed}{postfix}",
        )  # fmt: skip

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def __call__(self, amount: int) -> None:
        """Move on by the amount."""
        self._bar.update(amount)

    def reach(self, amount: int, *, note: str = "") -> None:
        """Stand at the amount, with a few words about what is being done."""
        self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(amount - self._bar.n)
        if self._watched:
            self._bar.refresh()
