"""The parts of the learning-rate range test."""
