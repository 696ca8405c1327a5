"""Segments by likeness: clusters that learn in batches, keep their identity, and are described in words. Pure."""
