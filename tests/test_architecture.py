"""Who may import whom, and what `import keras_trainkit` costs."""

import ast
import pathlib
import sys

import keras
import pytest

import keras_trainkit
from tests import contracts

pytestmark = pytest.mark.host

ROOT = pathlib.Path(keras_trainkit.__file__).parent
PARTS = ("initializers", "layers", "optimizers", "schedules", "diagnosis", "callbacks", "tuner")
MAY_IMPORT = {
    "initializers": set(),
    "layers": set(),
    "optimizers": set(),
    "schedules": set(),
    "diagnosis": set(),
    "callbacks": {"diagnosis", "schedules"},
    "tuner": set(PARTS) - {"tuner"},
}
BACKENDS = {"tensorflow", "jax", "torch"}
USED_ON_DEMAND = {"keras_tuner", "optuna", "matplotlib", "tensorboard", "sklearn", "jinja2"}
SOURCES = sorted(ROOT.rglob("*.py"))
MODULES = {".".join(p.relative_to(ROOT.parent).with_suffix("").parts): p for p in SOURCES}
# Methods of every schedule return those that join it with others.
FLUENT_SCHEDULES = {f"schedules/{name}.py" for name in ("_schedule", "combined", "of_keras")}


def part(path):
    return path.relative_to(ROOT).parts[0]


def imports(path, everywhere=True):
    """Yield the module names that a file imports, at any depth or at its top level."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name(path):
    return str(path.relative_to(ROOT))


def test_parts_import_only_what_stands_below_them():
    for path in SOURCES:
        at_top = set(PARTS) if name(path) == "__init__.py" else set()
        allowed = MAY_IMPORT.get(part(path), at_top) | {part(path)}
        for module in imports(path):
            package, _, rest = module.partition(".")
            if package == "keras_trainkit" and rest.split(".")[0] in PARTS:
                assert rest.split(".")[0] in allowed, name(path)


def test_backend_code_lives_in_backend_files():
    for path in SOURCES:
        used = {module.partition(".")[0] for module in imports(path)} & BACKENDS
        assert used <= {path.stem.removeprefix("_")}, name(path)


def test_no_import_reaches_into_keras():
    for path in SOURCES:
        assert not [m for m in imports(path) if m.startswith("keras.src")], name(path)


def imported_files(path):
    """Yield the files of the package that a file imports, at any depth."""
    for imported in imports(path):
        # What is imported is a module, a package, or a name inside of one of them.
        inside = imported.rpartition(".")[0]
        candidates = (imported, f"{imported}.__init__", inside, f"{inside}.__init__")
        yield from [MODULES[module] for module in candidates if module in MODULES][:1]


def reached_from(path, graph):
    """Return the files that a file imports, itself or through others."""
    reached, pending = set(), [path]
    while pending:
        new = graph[pending.pop()] - reached
        reached |= new
        pending.extend(new)
    return reached


def test_no_files_import_each_other_but_the_fluent_schedules():
    graph = {path: set(imported_files(path)) for path in SOURCES}
    reached = {path: reached_from(path, graph) for path in SOURCES}
    circles = {
        frozenset(name(other) for other in reached[path] if path in reached[other])
        for path in SOURCES
        if path in reached[path]
    }
    assert circles == {frozenset(FLUENT_SCHEDULES)}


FILES = [ROOT / name for name in ("_archive.py", "_archive_tree.py", "_npz_members.py")]
# What looks at models and data before a training.
PREFLIGHT = ("diagnosis/preflight.py", "diagnosis/_preflight/")
NEED_NO_KERAS = [
    *FILES,
    *(p for p in SOURCES if part(p) == "diagnosis" and not name(p).startswith(PREFLIGHT)),
]


def test_records_rules_and_their_files_need_numpy_and_no_keras():
    for path in NEED_NO_KERAS:
        assert not [m for m in imports(path) if m.partition(".")[0] == "keras"], name(path)
        top = {module.partition(".")[0] for module in imports(path, everywhere=False)}
        assert top <= {*sys.stdlib_module_names, "keras_trainkit", "numpy"}, name(path)


def test_heavy_libraries_are_imported_when_used():
    for path in SOURCES:
        if part(path) != "tuner":
            top = {module.partition(".")[0] for module in imports(path, everywhere=False)}
            assert top & USED_ON_DEMAND <= {path.stem.removeprefix("_")}, name(path)


def test_import_loads_nothing_heavy_beyond_what_keras_loads():
    code = f"""
import sys, keras
before = set(sys.modules)
import keras_trainkit
print(sorted({{m.partition('.')[0] for m in set(sys.modules) - before}} & {USED_ON_DEMAND}))
"""
    assert contracts.run_in_fresh_process(code).splitlines()[-1] == "[]"


def test_every_public_class_is_registered_under_the_package():
    kit = keras_trainkit
    for module in (kit.initializers, kit.layers, kit.optimizers, kit.schedules):
        classes = [c for c in vars(module).values() if hasattr(c, "get_config")]
        assert classes
        for public in classes:
            registered = keras.saving.get_registered_name(public)
            assert registered == f"keras_trainkit>{public.__name__}"
