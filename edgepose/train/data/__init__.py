"""Training data: annotations, pseudo labels, negatives, augmentation, batches."""
