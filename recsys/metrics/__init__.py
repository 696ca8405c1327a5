"""Ranking metrics and their intervals. A leaf: imports arrays only."""
