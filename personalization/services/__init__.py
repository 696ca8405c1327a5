"""Writes of this room: placements, rules, the model registry, training. Each is audited in its own transaction."""
