"""The model store: which models there are, where they lie, how they come here."""
