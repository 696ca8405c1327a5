"""From sufficient statistics to results: effects of all rows at once, health, progress, and a verdict. Pure.

Data flows down this list: `plan` and `readings` (what goes in), `tables`, `effects`, `bounds`, `comparisons`,
`metrics`, `health`, `progress`, `factors`, `words`, `verdicts`, and `analyze`, which returns an `ExperimentResults`.
"""
