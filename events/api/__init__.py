"""Doors of collection: the Segment and RudderStack HTTP API, and GA4's Measurement Protocol."""
