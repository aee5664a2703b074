"""Keras's own tests hold for our classes, apart from the deviations that the table lists."""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import keras
import pytest

from tests.keras_suite.suites import SUITES

ROOT = Path(__file__).parents[2]


def outcomes(report: Path) -> dict[str, dict[str, tuple[str, str]]]:
    """Run all suites in one process; return by module and test the verdict and its text."""
    modules = [suite.module for suite in SUITES.values()]
    command = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider"]
    command += ["-p", "tests.keras_suite.swap", "-c", os.devnull, f"--junitxml={report}"]
    # Names in the report are relative to it, wherever the environment lies.
    command += [f"--rootdir={Path(keras.__file__).parents[1]}"]
    done = subprocess.run(
        [*command, "--continue-on-collection-errors", "--pyargs", *modules],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "KERAS_BACKEND": keras.backend.backend(),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        },
    )
    assert report.exists(), done.stdout[-4000:] + done.stderr[-4000:]
    found = {module: {} for module in modules}
    for case in ElementTree.parse(report).iter("testcase"):
        path, _, cls = case.get("classname").rpartition(".")
        module = next(module for module in modules if f".{path}".endswith(f".{module}"))
        problem = next(iter(case), None)
        verdict = ("passed", "") if problem is None else (problem.tag, problem.text)
        found[module][f"{cls}.{case.get('name')}"] = verdict
    return found


@pytest.mark.gate
def test_only_the_listed_deviations_fail(tmp_path):
    found = outcomes(tmp_path / "report.xml")
    for name, suite in SUITES.items():
        tests = found[suite.module]
        failed = {test: text for test, (verdict, text) in tests.items() if verdict == "failure"}
        unexpected = {test: text for test, text in failed.items() if test not in suite.deviations}
        assert not unexpected, "\n\n".join(f"{test}\n{text}" for test, text in unexpected.items())
        assert failed.keys() == suite.deviations.keys() & tests.keys(), name
        verdicts = [verdict for verdict, _ in tests.values()]
        assert verdicts.count("passed") >= suite.at_least, name
        assert "error" not in verdicts, name
