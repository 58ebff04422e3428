"""From a corpus to training batches: features, labels, augmentation."""
