"""Damage files in many ways and read them: python -m tests.fuzz_files --mutations 20000 --seed 0.

A damaged file must give what the honest one gives, bit for bit, or the one error that its reader
has, and take no more memory than three honest ones. Exits with 1 if one does not.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.fuzz_files.fuzz import BAD, outcomes, table
from tests.fuzz_files.honest import kinds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = list(outcomes(kinds(folder), folder, arguments.mutations, arguments.seed))
    bad = [outcome for outcome in found if outcome.verdict in BAD]
    for outcome in bad:
        print(outcome)
    print(table(found, "mutation"), table(found, "kind"), sep="\n\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
