"""The engines that run a network for timing, onnxruntime and torch, each with its own networks."""
