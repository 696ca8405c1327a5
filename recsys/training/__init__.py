"""What production runs: plan, tuning, training."""
