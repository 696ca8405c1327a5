"""Kinds of keys and their scopes. Pure."""

from typing import Final, Literal

Kind = Literal["pk", "sk"]
KINDS: Final = (("pk", "Publishable (browser)"), ("sk", "Secret (server)"))

SCOPES: Final = (
    ("events:write", "Send events"),
    ("recommendations:read", "Read recommendations"),
    ("catalog:read", "Read products"),
    ("catalog:write", "Change products"),
    ("placements:read", "Read placements"),
    ("customers:read", "Read customers' profiles"),
    ("consents:read", "Read consent decisions"),
    ("consents:write", "Change consent decisions"),
    ("privacy:write", "Open privacy requests"),
    ("audit:read", "Export the audit log"),
    ("models:read", "Read model versions"),
    ("experiments:read", "Read experiments' results"),
)
SCOPE_NAMES: Final = frozenset(name for name, _ in SCOPES)
PUBLISHABLE_SCOPES: Final = frozenset({"events:write", "recommendations:read"})
"""The scopes of every publishable key. It has no others."""
