"""Statistics of experiments: numbers in, frozen records out.

Nothing here knows Django, a table or a request: numpy and scipy only. `docs/experiments-statistics.md` explains the
formulas with their sources.
"""
