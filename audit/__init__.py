"""Who did what, when, to what: append-only, and made so that an outsider can verify it.

Promises that an event is written in its caller's transaction or the caller's action fails, that its bytes never
change afterwards, and that a shopper can still be erased: what identifies lies in details whose key can be destroyed.
"""
