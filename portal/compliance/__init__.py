"""Pages of the compliance officer: the record of processing, the practice audit, the figures of a year."""
