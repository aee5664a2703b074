"""Many trainings in one program: the weights of all trials in one tensor, a row for each."""
