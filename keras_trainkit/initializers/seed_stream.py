"""Seeds that no two draws share."""

import keras

STEP = 0x9E3779B9  # odd: all 2**31 sub-seeds differ; golden: streams of nearby seeds stay apart


class SeedStream(int):
    """An integer seed that yields another sub-seed for every draw.

        s_0 = seed,   s_n = (seed + n * 0x9E3779B9) mod 2^31     (Weyl sequence, n = 1, 2, ..)

    It is an `int`, so that whoever reads `initializer.seed` finds the seed; whoever is given the
    object itself, as EinsumDense gives it to the initializer that it makes, continues the stream.
    """

    draws: int = 0

    def next(self) -> int:
        """Return the sub-seed of this draw."""
        sub_seed = (int(self) + self.draws * STEP) % 2**31 if self.draws else int(self)
        if not _is_rehearsal():
            self.draws += 1
        return sub_seed


def _is_rehearsal() -> bool:
    """Whether a layer is only traced to learn shapes: Keras then draws values it throws away.

    Counting those would make a model that `fit` builds differ from one built by hand.
    """
    with keras.StatelessScope(initialize_variables=False) as scope:
        return scope.original_scope is not None
