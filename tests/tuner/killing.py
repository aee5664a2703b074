"""Kills searches.

    python -m tests.tuner.killing FOLDER KILLS TRIALS TUNER ...

Each process is a fork of this one, which has imported everything; a trial takes no time, so that
nearly every instant is one at which files are written or a search is being taken up. A line says
what has become of the search of each tuner. The exit status is 1 if
anything was not as it is promised.

A trial is given up when its process dies twice. So that the proposals can be compared with those of
a search that was never killed, no trial is killed a second time.
"""

import json
import os
import pathlib
import random
import shutil
import signal
import sys
import time
from collections.abc import Iterator

from tests.callbacks.training_state.killing import forked
from tests.tuner.searches import on_disk, rows, score, searched, tuner

RUNS = "runs.txt"
AS_PROMISED = "as if never killed"


def search(folder: pathlib.Path, kind: str, trials: int) -> None:
    """Search, and write down the number of each trial that runs."""

    def run(number, values):
        with open(folder / RUNS, "a") as file:
            file.write(f"{number}\n")
        return score(values)

    searched(folder, kind, run, max_trials=trials)


def finished(folder: pathlib.Path) -> dict[str, dict]:
    """Return what the files of the finished trials hold; every file of the search is read."""
    files = on_disk(folder) if (folder / "search").exists() else {}
    return {
        name: content
        for name, content in files.items()
        if name.startswith("trial_") and content["status"] == "COMPLETED"
    }


def runs(folder: pathlib.Path) -> list[int]:
    path = folder / RUNS
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def is_second_run(folder: pathlib.Path) -> bool:
    """Return whether a trial is running that has been killed before."""
    path = folder / "search" / "oracle.json"
    unended = json.loads(path.read_text())["unended"] if path.exists() else {}
    return max(unended.values(), default=0) > 1


def killed(folder: pathlib.Path, kind: str, trials: int, begun: int, delay: float) -> bool:
    """Kill a search; return whether it was still running.

    Args:
        folder: of the search.
        kind: of tuner.
        trials: of the search.
        begun: so many trials begin before.
        delay: seconds that pass then.
    """
    before = len(runs(folder))
    process = forked(lambda: search(folder, kind, trials))
    while len(runs(folder)) < before + begun and not is_over(process):
        time.sleep(1e-4)
    time.sleep(delay)
    while True:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            assert status == 0, "the search has failed"
            return False
        os.kill(process, signal.SIGSTOP)
        os.waitpid(process, os.WUNTRACED)
        if not is_second_run(folder):
            break
        os.kill(process, signal.SIGCONT)
        time.sleep(1e-3)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return True


def is_over(process: int) -> bool:
    """Return whether a process has ended, which is told by `waitpid` all the same."""
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def found(before: dict, ran: list[int], folder: pathlib.Path) -> Iterator[str]:
    """Yield what is wrong with a search, of which some trials had been finished before."""
    after = finished(folder)
    for name in before:
        if before[name] != after.get(name):
            yield f"{name} was finished and is not as it was"
    numbers = [int(content["trial_id"]) for content in before.values()]
    again = [number for number in runs(folder)[len(ran) :] if number in numbers]
    if again:
        yield f"the finished trials {again} have run again"


def main(root: pathlib.Path, kind: str, kills: int, trials: int) -> bool:
    """Return whether everything was as it is promised."""
    draw, folder = random.Random(0), root / "killed"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    began = time.monotonic()
    os.waitpid(forked(lambda: search(root, kind, trials)), 0)
    per_trial, count, wrong = (time.monotonic() - began) / trials, 0, []
    while count < kills:
        before, ran = finished(folder), runs(folder)
        # Every fifth while it is taken up, the others at any time.
        is_early = count % 5 == 4
        begun = 0 if is_early else draw.randint(1, round(trials / kills))
        delay = draw.uniform(0, 0.02 if is_early else per_trial)
        if not killed(folder, kind, trials, begun, delay):
            break
        count += 1
        wrong += found(before, ran, folder)
    before, ran = finished(folder), runs(folder)
    os.waitpid(forked(lambda: search(folder, kind, trials)), 0)
    wrong += found(before, ran, folder)
    same = rows(tuner(folder, kind, max_trials=trials)) == rows(
        tuner(root, kind, max_trials=trials)
    )
    wrong += [] if same else ["the trials are not those of a search that was never killed"]
    print(f"{kind}: {count} kills, {len(runs(folder))} runs of {trials} trials, ", end="")
    print("; ".join(wrong) or AS_PROMISED)
    return not wrong


if __name__ == "__main__":
    at, often, many, *kinds = sys.argv[1:]
    promised = [main(pathlib.Path(at) / kind, kind, int(often), int(many)) for kind in kinds]
    sys.exit(not all(promised))
