"""A program of a thread: where it stands, what was asked there, and what was wrong."""

from dataclasses import dataclass

from benchmarks.diagnosis.case import Case, Fault
from benchmarks.diagnosis.recipe import Recipe


@dataclass(frozen=True)
class Published:
    """A published program, re-stated.

    Args:
        address: string. Where the thread can be read.
        title: string. The thread's, in its own words.
        asked: string. What was asked, in ours.
        otherwise: string. What is not as in the thread, and what the thread does not tell.
        case: `Case`, of the program as it was asked about and as the answer mends it.
    """

    address: str
    title: str
    asked: str
    otherwise: str
    case: Case

    @property
    def name(self) -> str:
        """The case's name."""
        return self.case.name


def published(
    name: str,
    address: str,
    title: str,
    asked: str,
    otherwise: str,
    recipe: Recipe,
    *faults: Fault,
    is_static: bool = True,
) -> Published:
    """Return a program; `recipe` is the mended one, `faults` are what the answer changes."""
    return Published(address, title, asked, otherwise, Case(name, recipe, faults, is_static))


Programs = tuple[Published, ...]
