"""Networks, losses and the training loop."""
