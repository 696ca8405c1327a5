"""Reads of this room: versions, runs, reports, alarms."""
