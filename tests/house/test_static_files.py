"""What browsers are sent is that of this release, whatever was collected before."""

import os
from pathlib import Path
from typing import Any

from django.core.management import call_command

from config import env
from config.settings import base

OLD, STYLE = "/* of another release */", "portal/admin.css"


def test_files_of_another_release_are_replaced_however_young_they_are(tmp_path: Path, settings: Any) -> None:
    """A release that was unpacked before the other one was collected, or to which one goes back, has older files."""
    own = env.ROOT / "static" / STYLE
    stale = tmp_path / STYLE
    stale.parent.mkdir(parents=True)
    stale.write_text(OLD)
    os.utime(stale, times=(own.stat().st_mtime + 60,) * 2)
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {**settings.STORAGES, "staticfiles": base.STORAGES["staticfiles"]}
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]

    call_command("collectstatic", interactive=False, verbosity=0)

    assert stale.read_bytes() == own.read_bytes()
    assert len(list(stale.parent.glob("admin.*.css"))) == 1
