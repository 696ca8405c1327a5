"""How candidates of several recommenders become one slate: facts, features, learned ranker, blend, diversity. Pure.

Promises: the same code computes a feature in training and in a request; everything is deterministic; an artefact is
`.npz`, JSON and LightGBM text under a SHA-256 manifest, and one that was touched is refused.
"""
