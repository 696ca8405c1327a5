"""Uploaded files waiting for confirmation, in the shared temporary folder."""

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
    """One file between the preview and the import.

    The file's name goes through the browser and back. Only names of this class are opened or removed, never other files
    of the folder.
    """

    def save(self, data: bytes) -> None:
        """Write the file under a random name; remove files that nobody confirmed for a day."""
        for upload in Path(gettempdir()).glob(f"{PREFIX}*"):
            with suppress(OSError):  # imported at this moment, or another user's
                if UPLOAD_NAME.fullmatch(upload.name) and upload.stat().st_mtime < time.time() - MAX_AGE_SECONDS:
                    upload.unlink()
        with NamedTemporaryFile(prefix=PREFIX, delete=False) as file:
            file.write(data)
        self.name = Path(file.name).name

    def read(self) -> Any:
        """Return the text unchanged, with the line ends inside its cells."""
        with open(self.get_full_path(), self.read_mode, encoding=self.encoding, newline="") as file:
            return file.read()

    def get_full_path(self) -> str:
        """Return the file's path. Raises FileNotFoundError for any other file."""
        if not UPLOAD_NAME.fullmatch(self.name):
            raise FileNotFoundError(self.name)
        return str(Path(gettempdir()) / self.name)
