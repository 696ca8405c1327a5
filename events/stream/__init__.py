"""The event stream: what came in lately and what became of it, for people who watch. Counts are whole, lines a sample.

Nothing is read from here but pages of staff; all of it may be lost, and is forgotten after an hour, counts after two
days at most.
"""
