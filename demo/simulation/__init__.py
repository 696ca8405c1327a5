"""A furniture shop that never was: products, shoppers and ninety days of behavior from one seed. Pure.

The structure is planted, so the truth is known: every shopper has a mixture of six styles, a taste for rooms and a
budget; products sell with their complements in the same style; consumables are bought again at their own interval;
some products rise and others fade. `docs/demo.md` lists the planted numbers.
"""
