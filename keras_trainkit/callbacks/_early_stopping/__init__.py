"""How early stopping decides: what improves, what ends a training, what is said about it."""
