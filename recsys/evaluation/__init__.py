"""Protocols, report, peers, ablations and the model checks."""
