"""A mistake in the package, and which tests should notice it."""

import ast
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = "keras_trainkit"
BACKENDS = ("tensorflow", "jax", "torch")


@dataclass(frozen=True)
class Mutant:
    """The package with one text replaced by another.

    Args:
        file: str. Path below the package.
        old: str. Text that the file holds once.
        new: str. What stands there in its place.
        mistake: str. What is wrong then, in words.
        tests: str. Files, folders or tests below `tests`, apart by spaces, those that should fail
            first. By default those in the places that mirror the file's own.
        backend: str. By default that of the file, else the one whose tests take the least time.
    """

    file: str
    old: str
    new: str
    mistake: str
    tests: str = ""
    backend: str = ""

    @property
    def runs_on(self) -> str:
        """The backend of the tests."""
        own = Path(self.file).stem.removeprefix("_")
        return self.backend or (own if own in BACKENDS else "torch")

    @property
    def paths(self) -> list[str]:
        """The arguments of pytest."""
        chosen = self.tests.split() or mirrored(self.file)
        return [f"tests/{path}" for path in chosen]

    def applied_to(self, source: str) -> str:
        """Return the source of the file with the mistake in it."""
        return source.replace(self.old, self.new)


def mirrored(file: str) -> list[str]:
    """Return the places below `tests` that belong to a file of the package, the closest first.

    `optimizers/adam.py` has `optimizers/test_adam.py` and all of `optimizers`; what has a folder of
    its own, as `callbacks/_early_stopping/limits.py` has `callbacks/early_stopping`, needs no more.
    """
    names = [part.removeprefix("_") for part in Path(file).with_suffix("").parts]
    found = []
    for length in range(len(names), 0, -1):
        *above, name = names[:length]
        places = (Path(*above, f"test_{name}.py"), Path(*above, name))
        found += [str(place) for place in places if (ROOT / "tests" / place).exists()]
        if length > 1 and found and not found[-1].endswith(".py"):
            break
    return found


def problem_of(mutant: Mutant) -> str:
    """Return why this is no mutant of the package as it stands, or ""."""
    file = ROOT / PACKAGE / mutant.file
    if not file.exists():
        return "there is no such file"
    source = file.read_text()
    if source.count(mutant.old) != 1:
        return f"{mutant.old!r} occurs {source.count(mutant.old)} times"
    missing = [path for path in mutant.paths if not (ROOT / path.partition("::")[0]).exists()]
    if missing or not mutant.paths:
        return f"there are no tests {' '.join(missing) or 'that mirror the file'}"
    if mutant.runs_on not in BACKENDS:
        return f"{mutant.backend!r} is no backend"
    try:
        same = ast.dump(ast.parse(mutant.applied_to(source))) == ast.dump(ast.parse(source))
    except SyntaxError as error:
        return f"it is no Python: {error}"
    return "it changes nothing" if same else ""
