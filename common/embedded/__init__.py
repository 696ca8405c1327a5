"""PostgreSQL, Valkey and Caddy from wheels, run under our own supervision.

One directory holds one instance: its data, its passwords, its ports. `instance` prepares it, `commands` of each
engine say how to run it, and either `supervisor` (the demo) or `instance.running` (tests) keeps it up.
"""
