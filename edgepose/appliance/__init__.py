"""The running product: one configuration at work, changed while it runs."""
