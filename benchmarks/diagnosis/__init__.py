"""Labelled trainings, broken and healthy, on which the diagnosis is tuned and reported."""
