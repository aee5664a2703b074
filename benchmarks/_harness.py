"""Paired measurements: everything interleaved in one process, process CPU time, an A/A control.

Import this module before Keras: it pins the process to `THREADS` cores (environment, default 1),
from which every framework takes its number of threads.
"""

import os
import random
import time
from collections.abc import Callable, Sequence

import numpy as np

THREADS = int(os.environ.get("THREADS", "1"))
ROUNDS = int(os.environ.get("ROUNDS", "25"))
SAMPLE_SECONDS = 0.02
BACKEND = os.environ.setdefault("KERAS_BACKEND", "tensorflow")

os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-THREADS:])

Contenders = dict[str, Callable[[], object]]


def cpu_seconds(run: Callable[[], object], repetitions: int) -> float:
    """Return the CPU time of one run of a function, averaged over `repetitions`."""
    start = time.process_time()
    for _ in range(repetitions):
        run()
    return (time.process_time() - start) / repetitions


def measure(contenders: Contenders) -> dict[str, np.ndarray]:
    """Return CPU seconds by contender and round; each round runs all of them in a new order."""
    repetitions = {}
    for name, run in contenders.items():
        cpu_seconds(run, 3)
        repetitions[name] = max(1, round(SAMPLE_SECONDS / max(cpu_seconds(run, 3), 1e-6)))
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    order, shuffle = list(contenders), random.Random(0).shuffle
    for _ in range(ROUNDS):
        shuffle(order)
        for name in order:
            seconds[name].append(cpu_seconds(contenders[name], repetitions[name]))
    return {name: np.array(values) for name, values in seconds.items()}


def ratios(contenders: Contenders, reference: str) -> dict[str, np.ndarray]:
    """Return the 10th, 50th and 90th percentile of each contender's paired ratio to `reference`."""
    seconds = measure(contenders)
    return {
        name: np.percentile(values / seconds[reference], [10, 50, 90])
        for name, values in seconds.items()
        if name != reference
    }


def print_ratios(title: str, contenders: Contenders, reference: str) -> None:
    """Print one line for each contender: the median ratio and its spread."""
    for name, (low, median, high) in ratios(contenders, reference).items():
        print(f"{title:34} {name:28} {median:6.3f}  [{low:.3f} {high:.3f}]", flush=True)


def print_head(claim: str, columns: Sequence[str] = ("ratio", "[p10 p90]")) -> None:
    """Print what is compared, on what."""
    import keras

    threads = f"{THREADS} thread{'s' if THREADS > 1 else ''}"
    print(f"\n{claim}\nKeras {keras.__version__} on {BACKEND}, CPU, {threads}, {ROUNDS} rounds")
    print(f"{'':34} {'':28} {'  '.join(columns)}")
