"""Messages of the admin, encrypted in the session: one of them shows a new key."""

from base64 import b64decode, b64encode
from typing import Any, Final

from django.contrib.messages.storage.session import SessionStorage

from common.sealed import Unsealable, seal, unseal

PURPOSE: Final = "admin-messages"


class SealedStorage(SessionStorage):
    """Django's storage in the session. A cookie would go over the wire and stay in the browser."""

    def serialize_messages(self, messages: Any) -> str:
        """Return the messages as encrypted text."""
        return b64encode(seal(super().serialize_messages(messages).encode(), purpose=PURPOSE)).decode()

    def deserialize_messages(self, data: Any) -> Any:
        """Return the messages; none of those that another master key encrypted."""
        try:
            return super().deserialize_messages(unseal(b64decode(data), purpose=PURPOSE).decode()) if data else []
        except (Unsealable, ValueError):
            return []
