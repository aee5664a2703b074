"""One labelled training: what it would be if it were right, and what is wrong with it."""

from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.diagnosis.recipe import Program, Recipe
from keras_trainkit.diagnosis.finding import CONDITIONS

CONDITION_OF = {name: name for name in CONDITIONS} | {
    detail: condition for condition, details in CONDITIONS.items() for detail in details
}


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    Args:
        names: frozen set of conditions and details, any of which is a right name for it.
        name: string. The one of them that the case stands for.
        changes: dict. The fields of the recipe that it replaces; `spoils` are added to `changes`.
    """

    names: frozenset[str]
    name: str
    changes: dict[str, Any]

    @property
    def condition(self) -> str:
        """The condition of its name."""
        return CONDITION_OF[self.name]

    def in_recipe(self, recipe: Recipe) -> Recipe:
        """Return the recipe with this fault."""
        spoils = self.changes.get("spoils", ())
        fields = {name: value for name, value in self.changes.items() if name != "spoils"}
        recipe = replace(recipe, **fields)
        return replace(recipe, changes=(*recipe.changes, *spoils))


def fault(names: str, **changes: Any) -> Fault:
    """Return a fault; `names` are separated by `|`, the one that it stands for in front.

    Raises:
        ValueError: if a name is no condition and no detail.
    """
    each = names.split("|")
    unknown = [name for name in each if name not in CONDITION_OF]
    if unknown:
        raise ValueError(f"`names` must be conditions or details. Received: {unknown}")
    return Fault(frozenset(each), each[0], changes)


@dataclass(frozen=True)
class Case:
    """A broken training and its mended twin; a healthy one has no faults.

    Args:
        name: string.
        recipe: `Recipe`, of the mended twin.
        faults: tuple of `Fault`, all that are there.
        is_static: bool. Whether they can be seen before the first update.
    """

    name: str
    recipe: Recipe
    faults: tuple[Fault, ...] = ()
    is_static: bool = False
    broken: Recipe = field(init=False)

    def __post_init__(self) -> None:
        """Work out the broken recipe."""
        recipe = self.recipe
        for each in self.faults:
            recipe = each.in_recipe(recipe)
        object.__setattr__(self, "broken", recipe)

    @property
    def family(self) -> str:
        """The kind of network."""
        return self.recipe.family

    @property
    def label(self) -> str:
        """The name of the first fault, `"healthy"` if there is none."""
        return self.faults[0].name if self.faults else "healthy"

    @property
    def condition(self) -> str:
        """The condition of the first fault, `""` if there is none."""
        return self.faults[0].condition if self.faults else ""

    @property
    def detail(self) -> str:
        """The detail of the first fault, `""` if it has none."""
        return "" if self.label in CONDITIONS or not self.faults else self.label

    @property
    def accepted(self) -> frozenset[str]:
        """The names of which the first root cause must bear one."""
        return frozenset().union(*(each.names for each in self.faults))

    def make(self, seed: int) -> Program:
        """Return the training as it is given."""
        return self.broken.make(seed)

    def mended(self, seed: int) -> Program:
        """Return the training without its faults."""
        return self.recipe.make(seed)


def static(name: str, recipe: Recipe, *faults: Fault) -> Case:
    """Return a case that can be seen before the training."""
    return Case(name, recipe, faults, is_static=True)


def trained(name: str, recipe: Recipe, *faults: Fault) -> Case:
    """Return a case that the training shows."""
    return Case(name, recipe, faults)


Cases = tuple[Case, ...]
