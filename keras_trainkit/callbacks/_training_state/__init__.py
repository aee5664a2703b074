"""The state of a training in memory and in files."""
