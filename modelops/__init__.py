"""The lifecycle of models: training runs, versions, model checks, promotion, waivers, alarms, increments, MLflow."""
