"""Collected static files."""

from datetime import UTC, datetime

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """WhiteNoise's storage, into which `collectstatic` copies every file anew.

    It leaves what is younger than the file to be copied, which may be of another release: one that was unpacked before
    the other was collected, or to which one goes back, would serve that one's scripts under its own pages.
    """

    def get_modified_time(self, name: str) -> datetime:
        """Return a time before that of any file."""
        return datetime.min.replace(tzinfo=UTC)
