"""How the tests use tf.data."""

import tensorflow as tf


def stop_tuning():
    """Let datasets with options, as Keras makes them, do without tf.data's tuning thread.

    It tunes nothing for data this small, but whoever drops an iterator in the middle of an epoch,
    as interrupted and stopped trainings do, waits for it: some tenths of a second to seconds.
    """
    create = tf.data.Options.__init__

    def untuned(options, *args, **kwargs):
        create(options, *args, **kwargs)
        options.autotune.enabled = False

    tf.data.Options.__init__ = untuned
