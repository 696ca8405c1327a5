"""The shopper's own page: what the shop knows, why things are shown, consent, download, and erasure.

It has no login of its own: the shop's page proves who comes, or a one-time link does.
"""
