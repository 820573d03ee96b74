"""Fixtures of the engine tests: see `rigs/scripted.py`."""

from scripted import new_perception, parts

__all__ = ["new_perception", "parts"]
