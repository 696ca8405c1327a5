"""What can be shown: products with their variants, categories, attributes, price, cost and stock.

Promises that a change is visible to every serving process within seconds, that bad input is refused by the name of
its field, and that every change is on the audit log.
"""
