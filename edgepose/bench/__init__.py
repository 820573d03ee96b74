"""Measurements of the product by itself: ratios within one run, medians, spread."""
