"""One guide's training under the eyes of the diagnosis."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import keras

from benchmarks.diagnosis.guides.guide import Guide
from benchmarks.diagnosis.running import plain
from benchmarks.diagnosis.scoring import Found, alarms
from keras_trainkit.callbacks import GradientMonitor
from keras_trainkit.diagnosis import preflight

# What `fit` takes and `preflight` does not.
TRAINING_ALONE = ("callbacks", "class_weight", "sample_weight")


@dataclass(frozen=True)
class Outcome:
    """What came of one guide.

    Args:
        guide: `Guide`.
        score: float. How good the trained model is.
        preflight: findings before the training.
        diagnosis: findings after it.
        seconds: float. What making, looking and training took.
    """

    guide: Guide
    score: float
    preflight: Sequence[Found]
    diagnosis: Sequence[Found]
    seconds: float

    @property
    def works(self) -> bool:
        """Whether the training reached its goal."""
        return self.score >= self.guide.goal

    @property
    def is_silent(self) -> bool:
        """Whether nothing above `info` was found."""
        return not (alarms(self.preflight) or alarms(self.diagnosis))


def run(guide: Guide, seed: int) -> Outcome:
    """Train as the guide does and return what is found before and after."""
    start = time.perf_counter()
    keras.backend.clear_session()
    keras.config.set_dtype_policy("float32")
    keras.utils.set_random_seed(seed)
    training = guide.make()
    given = {name: v for name, v in training.fit.items() if name not in TRAINING_ALONE}
    before = plain(preflight(training.model, **given))
    monitor = GradientMonitor(probe="first_batch")
    fit = {"verbose": 0, **training.fit}
    fit["callbacks"] = [monitor, *fit.get("callbacks", ())]
    training.model.fit(**fit)
    after = plain(monitor.diagnosis)
    score = training.score(training.model)
    return Outcome(guide, score, before, after, time.perf_counter() - start)
