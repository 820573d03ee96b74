"""Annotated clips: everything, or the seconds around events."""
