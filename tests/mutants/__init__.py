"""Mistakes that the tests must notice, and what runs the tests on them: `make mutants`."""

from tests.mutants import (
    diagnosis,
    early_stopping,
    find_learning_rate,
    gradient_monitor,
    initializers,
    layers,
    learning_rate,
    optimizers,
    schedules,
    shared,
    training_state,
    tuner,
)

MUTANTS = (
    *initializers.MUTANTS,
    *layers.MUTANTS,
    *optimizers.MUTANTS,
    *schedules.MUTANTS,
    *early_stopping.MUTANTS,
    *find_learning_rate.MUTANTS,
    *gradient_monitor.MUTANTS,
    *learning_rate.MUTANTS,
    *training_state.MUTANTS,
    *diagnosis.MUTANTS,
    *tuner.MUTANTS,
    *shared.MUTANTS,
)
