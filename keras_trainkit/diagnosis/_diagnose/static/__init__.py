"""Rules over what is known before a training."""
