"""From candidates of several sources to one ranked slate: features, ranker, explanation, the saved model."""
