"""Training: synthetic people, networks, the training loop, export, evaluation.

The modules need the extra `train`; importing the package alone does not.
"""
