"""Reads: versions, runs, reports, alarms."""
