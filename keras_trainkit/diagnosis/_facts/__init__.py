"""What is known of a training, by what it is known of."""
