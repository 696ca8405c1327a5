"""The compliance officer's doors: proofs by subject, purposes, texts, rules, and the privacy desk."""

from consents.admin import decisions, requests  # noqa: F401
