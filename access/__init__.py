"""Staff users and their roles, API keys with scopes and origins, rate limits.

Only a key's SHA-256 is stored; a revoked key stops within two seconds. Every change of a user or key is on the audit
log, except the first user, whom `createsuperuser` makes from a shell.
"""
