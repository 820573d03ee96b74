"""Outputs: what shows, records or sends scenes."""
