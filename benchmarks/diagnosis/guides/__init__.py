"""Trainings after the manner of Keras's guides: in what works, nothing is to be found."""
