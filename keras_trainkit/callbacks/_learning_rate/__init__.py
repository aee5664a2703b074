"""What `LearningRate` is made of: where a training is, and the numbers that it sets."""
