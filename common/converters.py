"""URL converter for the shop's own ids."""

from django.urls import register_converter


class ShopsId:
    """Any text: an id may hold slashes, which `str` does not match, and line breaks, which `path` does not."""

    regex = "(?s:.+)"

    def to_python(self, value: str) -> str:
        """Return the id."""
        return value

    def to_url(self, value: str) -> str:
        """Return the id; Django quotes it."""
        return value


register_converter(ShopsId, "id")
