"""Reads of this room: frozen records for serving, querysets for the admin."""
