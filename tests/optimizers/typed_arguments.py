"""What mypy says of a constructor's arguments: a comment here that hides no error is one itself."""

from keras_trainkit.optimizers import NAG, Adam, AdamW, AdaptiveClipping, Nadam

NAG(0.1, use_ema=True, clipping=AdaptiveClipping(), name="nag")
Adam(weight_decay=None, clipnorm=1.0, weight_decay_min_rank=None)
AdamW(0.1, 0.2, epsilon_hat=True, weight_decay_min_rank=2, weight_decay_exclude=["head"])
Nadam(learning_rate_multipliers={"head": 0.1}, gradient_accumulation_steps=2)

NAG(0.1, typo=3)  # type: ignore[call-arg]
Adam(momentum=0.9)  # type: ignore[call-arg]
Adam(clipnorm="1")  # type: ignore[arg-type]
AdamW(weight_decay=None)  # type: ignore[arg-type]
Nadam(skip_nonfinite=None)  # type: ignore[arg-type]
