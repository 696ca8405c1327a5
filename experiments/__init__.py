"""Fair comparisons: designs, assignment of shoppers to arms, and the life of an experiment.

A shopper gets the same arm in every SDK and on every route, because the hash is GrowthBook's version 2. What an arm
changes is a payload: JSON for the storefront, or a kind that another room registered. This room knows no placement.
"""
