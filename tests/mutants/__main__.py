"""Run the tests on mutants of the package, each of which should fail: `python -m tests.mutants`."""

import argparse
import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from tests.mutants import MUTANTS
from tests.mutants.mutant import BACKENDS, PACKAGE, ROOT, Mutant, problem_of

LEAST_SHARE = 0.95
LIMIT = 300.0  # Seconds of a run.
NEEDED = (PACKAGE, "tests", "pyproject.toml")
# Tests of other programs, of whole scripts, and of what a kill leaves.
LEFT_OUT = ("tests/keras_suite", "tests/test_documents.py", "tests/test_mutants.py")
LEFT_OUT += ("tests/callbacks/training_state/test_kill.py",)
PASSED, FAILED = 0, 1
KILLED = ("killed", "timeout")


@dataclass(frozen=True)
class Outcome:
    """What became of one mutant: "killed", "timeout", "survived" or "broken", by which test."""

    mutant: Mutant
    verdict: str
    seconds: float
    test: str = ""

    def __str__(self) -> str:
        """Return one line."""
        by = f" ({self.test.rpartition('::')[2]})" if self.test else ""
        return f"{self.verdict:8} {self.seconds:4.0f} s  {named(self.mutant)}{by}"


class Workshop:
    """A copy of the package and its tests, in which one mutant at a time is made and tried."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: subprocess.Popen | None = None
        for name in NEEDED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            ignored = {"ignore": shutil.ignore_patterns("__pycache__")}
            copy(ROOT / name, folder / name, **ignored if copy is shutil.copytree else {})

    def try_out(self, mutant: Mutant) -> Outcome:
        """Run the tests that concern a mutant."""
        file = self.folder / PACKAGE / mutant.file
        source, begun = file.read_text(), time.monotonic()
        file.write_text(mutant.applied_to(source))
        try:
            code = self.run(mutant.runs_on, mutant.paths)
            test = next(iter(self.failures()), "")
        finally:
            file.write_text(source)
        verdict = {PASSED: "survived", FAILED: "killed", None: "timeout"}.get(code, "broken")
        if code is None and self.run(mutant.runs_on, mutant.paths) != PASSED:
            verdict = "broken"  # The tests do not pass in time without the mistake either.
        return Outcome(mutant, verdict, time.monotonic() - begun, test)

    def run(self, backend: str, paths: Iterable[str], limit: float = LIMIT) -> int | None:
        """Return pytest's exit code, None after `limit` seconds."""
        command = [sys.executable, "-m", "pytest", "-q", "--cache-clear", *paths]
        command += ["--maxfail=1"] if limit == LIMIT else []
        command += [f"--ignore={path}" for path in LEFT_OUT]
        # A mutant may be as long as its original, and made in the same second: bytecode would lie.
        environment = {"TF_CPP_MIN_LOG_LEVEL": "2", "OMP_NUM_THREADS": "1", **os.environ}
        environment |= {"KERAS_BACKEND": backend, "PYTHONDONTWRITEBYTECODE": "1"}
        environment |= {"PYTHONPATH": str(self.folder)}
        with open(self.folder / "output.txt", "w") as output:
            self._running = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                return self._running.wait(limit)
            except subprocess.TimeoutExpired:
                self.stop()
                return None

    def stop(self) -> None:
        """End what is running, with the processes that it has started."""
        if self._running is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._running.pid, signal.SIGKILL)
            self._running.wait()

    def failures(self) -> list[str]:
        """Return the tests that failed in the last run."""
        file = self.folder / ".pytest_cache" / "v" / "cache" / "lastfailed"
        return list(json.loads(file.read_text())) if file.exists() else []


def named(mutant: Mutant) -> str:
    """Return where the mistake is and what it is."""
    return f"{mutant.runs_on:10} {mutant.file}: {mutant.mistake}"


def tried_out(mutants: Iterable[Mutant], workers: int, folder: Path) -> list[Outcome]:
    """Try all mutants, and print a line for each when it is known."""
    shops: queue.Queue[Workshop] = queue.Queue()
    every = []
    for number in range(workers):
        (folder / str(number)).mkdir()
        every.append(Workshop(folder / str(number)))
        shops.put(every[-1])

    def work(mutant: Mutant) -> Outcome:
        shop = shops.get()
        try:
            return shop.try_out(mutant)
        finally:
            shops.put(shop)

    outcomes = []
    with ThreadPoolExecutor(workers) as pool:
        try:
            for future in as_completed([pool.submit(work, mutant) for mutant in mutants]):
                outcomes.append(future.result())
                print(outcomes[-1], flush=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for shop in every:
                shop.stop()
            raise
    return confirmed(outcomes, every[0])


def confirmed(outcomes: list[Outcome], shop: Workshop) -> list[Outcome]:
    """Call those broken whose test fails without the mistake, too."""
    failing: set[tuple[str, str]] = set()
    for backend in BACKENDS:
        tests = {o.test for o in outcomes if o.mutant.runs_on == backend and o.verdict == "killed"}
        if tests:
            shop.run(backend, sorted(tests), LIMIT + 60 * len(tests))
            failing |= {(backend, test) for test in shop.failures()}
    return [
        Outcome(o.mutant, "broken", o.seconds, o.test)
        if (o.mutant.runs_on, o.test) in failing
        else o
        for o in outcomes
    ]


def report(outcomes: list[Outcome]) -> bool:
    """Print what is to be known of all of them; return whether enough were killed."""
    killed = sum(outcome.verdict in KILLED for outcome in outcomes)
    print(f"{len(outcomes)} mutants: {killed} killed ({100 * killed / len(outcomes):.1f} %)")
    for verdict in ("survived", "broken"):
        for outcome in outcomes:
            if outcome.verdict == verdict:
                print(outcome)
    broken = any(outcome.verdict == "broken" for outcome in outcomes)
    return not broken and killed >= LEAST_SHARE * len(outcomes)


def main() -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser("python -m tests.mutants", description=__doc__)
    parser.add_argument("-k", metavar="TEXT", default="", help="only those whose line has it")
    parser.add_argument("--workers", type=int, default=2, help="how many at a time")
    parser.add_argument("--list", action="store_true", help="print them and run nothing")
    parser.add_argument("--check", action="store_true", help="say which no longer fit the package")
    options = parser.parse_args()
    mutants = [mutant for mutant in MUTANTS if options.k in named(mutant)]
    problems = {mutant: problem for mutant in mutants if (problem := problem_of(mutant))}
    if options.list:
        print("\n".join(map(named, mutants)))
        return 0
    for mutant, problem in problems.items():
        print(f"{named(mutant)}: {problem}")
    if options.check or problems or not mutants:
        print(f"{len(mutants)} mutants, of which {len(problems)} do not fit the package")
        return int(bool(problems) or not mutants)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        return int(not report(tried_out(mutants, options.workers, Path(folder))))


if __name__ == "__main__":
    sys.exit(main())
