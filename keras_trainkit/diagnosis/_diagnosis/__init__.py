"""The forms in which a diagnosis is read."""
