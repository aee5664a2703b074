"""Trials: how one is trained, where, and when it is stopped."""
