"""A small network that classifies poses."""
