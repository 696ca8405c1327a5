"""Reading, cleaning, time windows, checks of data, drift."""
