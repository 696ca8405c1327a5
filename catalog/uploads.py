"""Files that wait to be imported: in the temporary folder, which holds more than them."""

import re
import time
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile, gettempdir
from typing import Any, Final

from import_export.tmp_storages import TempFolderStorage

PREFIX: Final = "vitrine-import-"
UPLOAD_NAME: Final = re.compile(rf"{PREFIX}\w+", re.ASCII)
MAX_AGE_SECONDS: Final = 24 * 3600


class Upload(TempFolderStorage):  # type: ignore[misc]  # import_export has no types
    """One file, between the page that shows what would change and the one that writes it.

    The name goes through the browser and back: of what comes back, only names that are given here are opened and
    removed, never what else lies in the folder.
    """

    def save(self, data: bytes) -> None:
        """Write the file under a name that nobody guesses; those that nobody confirmed for a day are removed."""
        for upload in Path(gettempdir()).glob(f"{PREFIX}*"):
            with suppress(OSError):  # confirmed in this moment, or another user's
                if UPLOAD_NAME.fullmatch(upload.name) and upload.stat().st_mtime < time.time() - MAX_AGE_SECONDS:
                    upload.unlink()
        with NamedTemporaryFile(prefix=PREFIX, delete=False) as file:
            file.write(data)
        self.name = Path(file.name).name

    def read(self) -> Any:
        """Return the text as it came, with the ends of lines that its cells hold."""
        with open(self.get_full_path(), self.read_mode, encoding=self.encoding, newline="") as file:
            return file.read()

    def get_full_path(self) -> str:
        """Return the file's path. Raises FileNotFoundError for any other file."""
        if not UPLOAD_NAME.fullmatch(self.name):
            raise FileNotFoundError(self.name)
        return str(Path(gettempdir()) / self.name)
