"""The training laboratory: synthetic people, networks, training, export, evaluation.

Everything here needs the extra `train`; importing this package alone does not.
"""
