"""Speak and sound what is counted: repetitions, faults, goals."""
