"""Runtimes: what executes a model."""
