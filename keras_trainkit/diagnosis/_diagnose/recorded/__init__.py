"""Rules over what was recorded in a training."""
