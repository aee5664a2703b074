"""What `HyperMLP` is made of."""
