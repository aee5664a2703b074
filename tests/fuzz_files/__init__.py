"""Damage of many kinds to every kind of file that the package reads."""
