"""Drop-in Keras 3 components that make `model.fit` work.

Subpackages: `initializers`, `layers`, `optimizers`, `schedules`, `callbacks`, `diagnosis`, and
`tuner`. The last one needs KerasTuner and is imported only on request.
"""

__version__ = "0.1.0"
