"""Learning rate schedules in closed form, for optimizers and callbacks.

Each is a `keras.optimizers.schedules.LearningRateSchedule`, a function of the step t, counted from
0. Durations are steps, or texts like `"5 epochs"` and `"10%"` (of the training), which
`keras_trainkit.callbacks.LearningRate` translates when `fit` starts, and `schedule.bind` without
it. Given to `keras.callbacks.LearningRateScheduler`, t counts epochs, and so do the durations.

    textbook                      schedule
    lr0 exp(-k t)                 NaturalExponentialDecay(lr0, decay_steps=1, decay_rate=k)
    lr_t = a lr_{t-1}             ExponentialDecay(lr0, decay_steps=1, decay_rate=a)
    d^epoch lr0                   ExponentialDecay(lr0, decay_steps="1 epoch", decay_rate=d)
    d^(t/n) lr0                   ExponentialDecay(lr0, decay_steps=n, decay_rate=d)
    times d every n (step decay)  ExponentialDecay(lr0, decay_steps=n, decay_rate=d, staircase=True)
    lr0 / (1 + k t)               InverseTimeDecay(lr0, decay_steps=1, decay_rate=k)
    lr0 / (1 + k t/n)             InverseTimeDecay(lr0, decay_steps=n, decay_rate=k)
    d / sqrt(t) lr0, t from 1     InverseSqrtDecay(lr0, decay_steps=1, decay_rate=d)
    lr0 (1 - t/n)^p               PolynomialDecay(lr0, decay_steps=n, end_learning_rate=0, power=p)
    half a cosine to 0 at n       CosineDecay(lr0, decay_steps=n)
    the same, with restarts       CosineDecayRestarts(lr0, first_decay_steps=n)
    up and down once (1cycle)     OneCycle(max, total_steps="100%"), with `.momentum()`
    triangles                     CyclicalLearningRate(low, high, step_size=n)
    rise, plateau, fall           WarmupStableDecay(lr0, total_steps="100%")
    Transformer                   NoamDecay(d_model, warmup_steps=4000)

    rise first                    schedule.warmup("5 epochs")
    begin late                    schedule.hold("10%")
    one after the other           schedule.then(other, after="50%")
    times a number                0.5 * schedule, schedule / 2
    one of Keras                  KerasSchedule(keras_schedule).warmup("5 epochs")
"""

from keras_trainkit.schedules.combined import Hold as Hold
from keras_trainkit.schedules.combined import Scaled as Scaled
from keras_trainkit.schedules.combined import Then as Then
from keras_trainkit.schedules.combined import Warmup as Warmup
from keras_trainkit.schedules.cosine import CosineDecay as CosineDecay
from keras_trainkit.schedules.cosine import CosineDecayRestarts as CosineDecayRestarts
from keras_trainkit.schedules.cyclical import CyclicalLearningRate as CyclicalLearningRate
from keras_trainkit.schedules.decays import ExponentialDecay as ExponentialDecay
from keras_trainkit.schedules.decays import InverseSqrtDecay as InverseSqrtDecay
from keras_trainkit.schedules.decays import InverseTimeDecay as InverseTimeDecay
from keras_trainkit.schedules.decays import NaturalExponentialDecay as NaturalExponentialDecay
from keras_trainkit.schedules.of_keras import KerasSchedule as KerasSchedule
from keras_trainkit.schedules.one_cycle import OneCycle as OneCycle
from keras_trainkit.schedules.one_cycle import OneCycleMomentum as OneCycleMomentum
from keras_trainkit.schedules.plot import plot_schedule as plot_schedule
from keras_trainkit.schedules.polynomial import ConstantLearningRate as ConstantLearningRate
from keras_trainkit.schedules.polynomial import PolynomialDecay as PolynomialDecay
from keras_trainkit.schedules.warmed import NoamDecay as NoamDecay
from keras_trainkit.schedules.warmed import WarmupStableDecay as WarmupStableDecay
