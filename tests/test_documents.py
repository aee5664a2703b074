"""What the documents show runs: README blocks, docstring examples, the examples folder."""

import ast
import doctest
import importlib
import inspect
import os
import pathlib
import re
import subprocess
import sys

import keras
import matplotlib.image
import numpy as np
import pytest

from keras_trainkit import optimizers

REPOSITORY = pathlib.Path(__file__).parents[1]
WITH_EXAMPLES = sorted(
    path for path in (REPOSITORY / "keras_trainkit").rglob("*.py") if ">>> " in path.read_text()
)


def name(path):
    return ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)


def run_script(folder, name, *arguments, **environment):
    """Run a script as a user does; return what it printed."""
    done = subprocess.run(
        [sys.executable, REPOSITORY / folder / name, *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend(), **environment},
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=name)
def test_docstring_examples_print_what_they_say(path):
    results = doctest.testmod(importlib.import_module(name(path)))
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.gate
def test_readme_blocks_run_in_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (REPOSITORY / "README.md").read_text(), re.DOTALL)
    assert len(blocks) >= 3
    namespace = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)
    assert "dense/kernel" in capsys.readouterr().out
    assert (tmp_path / "gradients.png").stat().st_size > 10_000


@pytest.mark.short("torch")
def test_the_recipe_for_pytorch_starts_and_trains():
    page = (REPOSITORY / "docs" / "from_pytorch.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    namespace = {}
    exec(compile(block, "from_pytorch.md", "exec"), namespace)
    model = namespace["model"]
    for weight in model.layers[0].weights:
        assert 0.9 * 32**-0.5 < np.abs(keras.ops.convert_to_numpy(weight)).max() <= 32**-0.5
    x = np.random.default_rng(0).normal(size=(64, 32))
    losses = model.fit(x, np.arange(64) % 10, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


@pytest.mark.gate
@pytest.mark.short("tensorflow")
def test_quickstart_reaches_its_accuracy_and_writes_its_plots(tmp_path):
    printed = run_script("examples", "01_quickstart.py", "--folder", tmp_path)
    accuracy = re.search(r"Test accuracy of the best epoch: ([\d.]+)", printed)
    assert float(accuracy.group(1)) >= 0.965
    assert "grad_norm" in printed
    assert str(tmp_path) in printed
    assert matplotlib.image.imread(tmp_path / "gradients.png").std() > 0.05


@pytest.mark.gate
@pytest.mark.short("torch")
def test_vanishing_gradient_is_diagnosed_and_mended_as_printed(tmp_path):
    printed = run_script("examples", "02_vanishing_gradient.py", "--folder", tmp_path)
    before, given, mended = re.split("As given|Mended as printed", printed)
    found = "vanishing gradient, sequential/hidden_1"
    assert re.match(rf"Before training\n1. (error|warning): {found}", before)
    assert f"error: {found}" in given
    remedy = 'keras.layers.Dense(32, activation="selu", kernel_initializer="lecun_normal")'
    assert remedy in given
    assert "Nothing that is wrong was found." in mended
    accuracies = [float(text) for text in re.findall(r": test accuracy ([\d.]+)", printed)]
    assert accuracies[0] < 0.2
    assert accuracies[1] > 0.9
    assert (tmp_path / "gradient_by_depth.png").exists()
    assert "vanishing gradient" in (tmp_path / "diagnosis.html").read_text(encoding="utf-8")


@pytest.mark.gate
@pytest.mark.short("torch")
def test_scikit_learn_searches_find_good_networks():
    printed = run_script("examples", "03_scikit_learn.py")
    found = re.findall(r"^(\w+) .*best on the test rows: ([\d.]+) ", printed, re.MULTILINE)
    assert [name for name, _ in found] == ["grid", "random", "halving"]
    assert min(float(accuracy) for _, accuracy in found) > 0.94
    assert "step" not in printed  # Of a bar.


@pytest.mark.short("torch")
@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("dropout.py", "8,16"),
        ("batch_normalization.py", "8,16"),
        ("folding.py", "2,2"),
        ("optimizer_update.py", "adam,2,8,16"),
        ("training_step.py", "mlp-512"),
        ("gradient_monitor.py", "mlp-512"),
        ("gradient_monitor_compile.py", "mlp-512"),
    ],
)
def test_benchmarks_print_ratios_beside_a_control(name, case):
    printed = run_script("benchmarks", name, case, ROUNDS="1", STEPS="2")
    assert re.search(r"A/A +-?\d+\.\d{3}  \[-?\d+\.\d{3} -?\d+\.\d{3}\]", printed)
    assert re.search(r"(ours|folded|default|full) +-?\d+\.\d{3}  \[", printed)


@pytest.mark.short("torch")
def test_the_benchmark_of_raw_tables_prints_errors_beside_those_of_a_ridge_regression():
    printed = run_script("benchmarks", "hyper_mlp.py", "RandomSearch 42", TRIALS="1", EPOCHS="15")
    assert re.search(r"^RandomSearch 42 +0 +1 +\d+ +2891 +5362 ", printed)


@pytest.mark.short("torch")
def test_the_benchmark_of_preflight_looks_whether_all_is_as_it_was():
    assert re.search(
        r"^subclassed .* yes +", run_script("benchmarks", "preflight.py", "subclassed")
    )


@pytest.mark.short("torch")
def test_the_benchmark_of_the_rules_prints_what_they_find():
    printed = run_script("benchmarks", "diagnose.py", "explodes", ROUNDS="1")
    assert re.search(r"^explodes +\d+\.\d{3} \[.*exploding_gradient", printed)


@pytest.mark.short("torch")
def test_growth_of_the_monitors_cost_is_printed_by_size():
    printed = run_script("benchmarks", "gradient_monitor_growth.py", "variables 2 6", ROUNDS="1")
    sizes = [line.split()[:3] for line in printed.splitlines()]
    assert sizes == [["2", "variables", "1.0"], ["6", "variables", "3.0"]]


@pytest.mark.gate
def test_the_backward_pass_keeps_no_more_than_the_readme_says():
    dropout, normalization = (
        {line.split()[-3]: line.split()[-2:] for line in printed.splitlines() if "(" in line}
        for printed in (
            run_script("benchmarks", "backward_memory.py", case)
            for case in ("Dropout", "BatchNormalization")
        )
    )
    assert float(dropout["ours"][1]) <= (0.25 if keras.backend.backend() == "torch" else 0)
    assert float(normalization["ours"][1]) == 0
    keras_bytes, our_bytes = (int(d[0].replace(",", "")) for d in normalization.values())
    assert our_bytes <= keras_bytes


def defaults_on_the_parity_page(heading):
    """Return the arguments in the tables under a heading of docs/optimizers.md, with defaults."""
    page = (REPOSITORY / "docs" / "optimizers.md").read_text()
    section = re.search(rf"\n### {heading}\n(.*?)\n##", page, re.DOTALL).group(1)
    first_cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    found = re.findall(r"`(\w+)=([^`]+)`", " ".join(first_cells))
    return {name: ast.literal_eval(default) for name, default in found}


@pytest.mark.host
@pytest.mark.parametrize("rule", ["NAG", "Adam", "AdamW", "Nadam"])
def test_parity_page_maps_every_argument_of_a_rule(rule):
    arguments = inspect.signature(getattr(optimizers, rule)).parameters.items()
    shared = defaults_on_the_parity_page("Arguments that all rules share")
    on_page = {**shared, **defaults_on_the_parity_page(rule)}
    assert {name: argument.default for name, argument in arguments} == on_page


@pytest.mark.short("torch")
def test_parity_script_finds_the_switches_of_keras():
    printed = run_script("benchmarks", "optimizer_parity.py", "Adam", STEPS="20")
    rows = re.findall(r"^Adam +(Keras|torch|optax)\S* +(\S+) +(\S+)", printed, re.MULTILINE)
    apart = {name: (float(defaults), float(switched)) for name, defaults, switched in rows[:3]}
    assert apart["Keras"][0] > 1e-3
    assert max(switched for _, switched in apart.values()) < 1e-4
    assert re.search(r"epsilon=0, gradient 1 +-1.000000 +-1.000000 ", printed)
