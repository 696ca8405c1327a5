"""From recorded events to sufficient statistics: set-based SQL, the same for a few units and for all."""
