"""Who may come in: staff users and their roles, API keys with scopes and origins, throttles.

A key is never stored, only its SHA-256. A revoked key stops within two seconds. Every change of a user or key is on the
audit log, except the first login, which `createsuperuser` makes in a shell.
"""
