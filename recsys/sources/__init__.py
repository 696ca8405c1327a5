"""One recommender a file: `base` is the contract, `registry` the list."""
