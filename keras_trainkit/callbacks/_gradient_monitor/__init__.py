"""How `GradientMonitor` sees, measures and keeps what happens inside `fit`."""
