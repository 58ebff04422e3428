"""Training batches of a corpus: features, labels, augmentation."""
