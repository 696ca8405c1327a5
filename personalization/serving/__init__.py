"""From a request to an answer: consent, profile, candidates, rules, explanation, exposure.

No request waits for the database. Each process holds a snapshot of catalog, placements, rules and model, refreshed in
the background (`snapshot_refresher`). It reads the shopper in one Redis round trip (`shoppers`).
"""
