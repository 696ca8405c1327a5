"""From interactions to a judged model: dataset, cleaning, split, tuning, ladder, report. Pure: no database, no Redis.

Promises: no number is computed from the future of the moment it describes; the same data and seed give the same
artefact; every claim in a report carries an interval.
"""
