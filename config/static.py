"""Collected static files."""

from datetime import UTC, datetime

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """WhiteNoise's storage; `collectstatic` overwrites every file.

    By default it keeps a file that is newer than its source. After a rollback, or after unpacking releases in another
    order, pages would get the scripts of another release.
    """

    def get_modified_time(self, name: str) -> datetime:
        """Return the earliest time, so that every source counts as newer."""
        return datetime.min.replace(tzinfo=UTC)
