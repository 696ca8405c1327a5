"""The keys of the demo. They are written in its docs and on its pages, and are no secret."""

from typing import Final

PUBLIC_KEY: Final = "pk_demo"
SECRET_KEY: Final = "sk_demo"
