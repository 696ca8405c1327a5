"""Who may come in: staff users and their roles, API keys with scopes and origins, throttles.

Promises that a key is never stored, only its SHA-256; that a revoked key stops within two seconds;
and that every change of a user or key is on the audit log, but for the first login: `createsuperuser` asks a shell.
"""
