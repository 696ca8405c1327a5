"""From a request to an answer: consent, profile, candidates, rules, explanation, exposure.

Nothing here asks the database while a request waits: a process holds a snapshot of catalog, placements, rules and
model, kept fresh in the background (`keeper`), and reads the shopper in one Redis round trip (`shoppers`).
"""
