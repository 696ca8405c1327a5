"""From the bytes of a request to canonical events, or to the reason why an item is none. Pure: no framework here."""
