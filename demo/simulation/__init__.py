"""A simulated furniture shop: products, shoppers and ninety days of behavior from one seed. Pure.

Its structure is planted, so the truth is known. Every shopper has a mixture of six styles, a taste for rooms and a
budget. Products sell with complements in the same style. Consumables are bought again at their own interval. Some
products gain popularity and others lose it. `docs/demo.md` lists the planted numbers.
"""
