"""Learning rate schedules in closed form, for optimizers and for `LearningRateScheduler`.

Each is a `keras.optimizers.schedules.LearningRateSchedule`: given to an optimizer, t counts its
steps; given to `keras.callbacks.LearningRateScheduler`, t counts epochs. Both count from 0.

    textbook                      schedule
    lr0 exp(-k t)                 NaturalExponentialDecay(lr0, decay_steps=1, decay_rate=k)
    lr_t = a lr_{t-1}             ExponentialDecay(lr0, decay_steps=1, decay_rate=a)
    d^epoch lr0                   ExponentialDecay(lr0, decay_steps=1, decay_rate=d)
    d^(t/n) lr0                   ExponentialDecay(lr0, decay_steps=n, decay_rate=d)
    times d every n (step decay)  ExponentialDecay(lr0, decay_steps=n, decay_rate=d, staircase=True)
    lr0 / (1 + k t)               InverseTimeDecay(lr0, decay_steps=1, decay_rate=k)
    lr0 / (1 + k t/n)             InverseTimeDecay(lr0, decay_steps=n, decay_rate=k)
    d / sqrt(t) lr0, t from 1     InverseSqrtDecay(lr0, decay_steps=1, decay_rate=d)
    any of them, held for n       staircase=True

Where an optimizer holds the schedule and t means epochs, `decay_steps` is the number of steps per
epoch (times n).
"""

from keras_trainkit.schedules.exponential import ExponentialDecay as ExponentialDecay
from keras_trainkit.schedules.exponential import NaturalExponentialDecay as NaturalExponentialDecay
from keras_trainkit.schedules.inverse import InverseSqrtDecay as InverseSqrtDecay
from keras_trainkit.schedules.inverse import InverseTimeDecay as InverseTimeDecay
