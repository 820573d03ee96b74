"""Fixtures of the tests of a whole appliance: see `rigs/scripted.py`."""

from scripted import new_perception, parts

__all__ = ["new_perception", "parts"]
