"""Writes: training runs, the model registry, promotion. Each is audited in its own transaction."""
