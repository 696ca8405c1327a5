"""Writes of this room: placements and rules, each audited in its own transaction; and answers to storefronts."""
