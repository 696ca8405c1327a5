"""A fair comparison: for now assignment alone, which nothing asks for yet.

Promises one shopper one arm, whichever SDK or route asks: the hash is GrowthBook's version 2.
"""
