"""Examine the machine and a configuration: what is well, what isn't, and what mends it."""
