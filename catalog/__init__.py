"""Products with their variants, categories, attributes, prices, costs and stock.

Every serving process sees a change within seconds. Bad input is refused with the name of its field. Every change is on
the audit log.
"""
