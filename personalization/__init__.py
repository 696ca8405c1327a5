"""What to show: recommenders, ranking, training, serving, placements and rules.

Promises an answer to every request, the reason for each item, and that nobody is profiled who did not allow it.
"""
