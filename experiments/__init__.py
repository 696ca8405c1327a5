"""Fair comparisons: so far only the assignment of shoppers to arms, which nothing calls yet.

A shopper gets the same arm in every SDK and on every route, because the hash is GrowthBook's version 2.
"""
