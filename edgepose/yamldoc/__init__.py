"""YAML with file and line for every value."""
