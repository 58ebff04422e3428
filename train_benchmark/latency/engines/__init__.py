"""What runs a network to be timed: onnxruntime and torch, with the networks in the form of each."""
