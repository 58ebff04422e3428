"""A Gaussian process over all functions of a space, made for many refits on few labels."""
