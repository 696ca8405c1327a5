"""Which model is live and why: runs, versions, model checks, promotion, waivers, alarms, increments, MLflow."""
