"""Examine the machine and a configuration: what works, what does not, and the remedy."""
