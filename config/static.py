"""Collected static files."""

from datetime import UTC, datetime

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # whitenoise has no types
    """WhiteNoise's storage, into which `collectstatic` copies every file anew.

    By default a younger file stays, even if it belongs to another release. A release that was unpacked earlier, or that
    is restored, would then serve the other's scripts.
    """

    def get_modified_time(self, name: str) -> datetime:
        """Return a time before that of any file."""
        return datetime.min.replace(tzinfo=UTC)
