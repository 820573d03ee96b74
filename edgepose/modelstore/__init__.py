"""The model store: manifest, search path, download and checksums of models."""
