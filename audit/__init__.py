"""The audit log: who did what, when, to what. Append-only, and verifiable by outsiders.

An event is written in its caller's transaction, or the caller's action fails. Its bytes never change. A shopper can
still be erased, because identifying data lies in details whose key can be destroyed.
"""
