"""A fair comparison: assignment, metrics, statistics, policies.

Promises one shopper one arm, whichever SDK or route asks: the hash is GrowthBook's version 2.
"""
