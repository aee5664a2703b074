"""Paired measurements: everything interleaved in one process, process CPU time, an A/A control.

Import this module before Keras: it pins the process to `THREADS` cores (environment variable,
default 1), from which every framework takes its number of threads.
"""

import contextlib
import os
import platform
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterable

import numpy as np

THREADS = int(os.environ.get("THREADS", "1"))
ROUNDS = int(os.environ.get("ROUNDS", "25"))
SAMPLE_SECONDS = 0.02
BACKEND = os.environ.setdefault("KERAS_BACKEND", "tensorflow")

os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-THREADS:])
os.environ["OMP_NUM_THREADS"] = str(THREADS)

Run = Callable[[], object]
Contenders = dict[str, Run]


def each_alone(run: Callable[[str], None], cases: Iterable[str], columns: str) -> None:
    """Run every case in a process of its own, so that none inherits another's memory."""
    if sys.argv[1:]:
        run(sys.argv[1])
        return
    import keras

    cores = f"{THREADS} core" + "s" * (THREADS > 1)
    print(f"\n{sys.modules['__main__'].__doc__.strip()}\n")
    print(f"Keras {keras.__version__} on {BACKEND}, {cores} of {cpu()}\n{columns}", flush=True)
    for case in cases:
        subprocess.run([sys.executable, sys.argv[0], case], check=True)


def cpu() -> str:
    """Return the model of the CPU."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "an unknown CPU"


def bandwidth_floor(array: np.ndarray, streams: int) -> Run:
    """Return a function that moves as many bytes as `streams` reads or writes of `array`."""
    target = np.empty_like(array)

    def copy() -> None:
        for _ in range(streams // 2):
            np.copyto(target, array)

    return copy


def print_ratios(title: str, contenders: Contenders, reference: str) -> None:
    """Print each contender's ratio to `reference`: the median over rounds, and p10 and p90."""
    seconds = measured(contenders)
    for name, values in seconds.items():
        if name != reference:
            print_ratio(title, name, values / seconds[reference])


def print_ratio(title: str, name: str, ratios: np.ndarray) -> None:
    """Print the median of the rounds' ratios, and p10 and p90."""
    low, median, high = np.percentile(ratios, [10, 50, 90])
    print(f"{title:28} {name:26} {median:6.3f}  [{low:.3f} {high:.3f}]", flush=True)


def measured(contenders: Contenders) -> dict[str, np.ndarray]:
    """Return CPU seconds by contender and round; each round runs all of them in a new order."""
    repetitions = {}
    for name, run in contenders.items():
        _cpu_seconds(run, 3)
        repetitions[name] = max(1, round(SAMPLE_SECONDS / max(_cpu_seconds(run, 3), 1e-6)))
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    order, shuffle = list(contenders), random.Random(0).shuffle
    for _ in range(ROUNDS):
        shuffle(order)
        for name in order:
            seconds[name].append(_cpu_seconds(contenders[name], repetitions[name]))
    return {name: np.array(values) for name, values in seconds.items()}


def _cpu_seconds(run: Run, repetitions: int) -> float:
    start = time.process_time()
    for _ in range(repetitions):
        run()
    return (time.process_time() - start) / repetitions
