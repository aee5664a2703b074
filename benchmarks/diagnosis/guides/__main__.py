"""Train after the manner of Keras's guides and print what is found: it should be nothing.

    python -m benchmarks.diagnosis.guides --only "MNIST|transformer" --seed 1

The environment variable KERAS_BACKEND chooses the backend.
"""

import argparse
import re
import warnings

import keras

from benchmarks.diagnosis.guides import report
from benchmarks.diagnosis.guides.guides import GUIDES
from benchmarks.diagnosis.guides.running import run


def arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="regular expression in a name")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main() -> None:
    """Run the guides and print the table, a line as soon as it is known."""
    given = arguments()
    warnings.simplefilter("ignore")
    guides = [guide for guide in GUIDES if re.search(given.only, guide.name)]
    backend = keras.backend.backend()
    print(f"{len(guides)} guides, seed {given.seed}, Keras {keras.__version__} on {backend}\n")
    print(report.HEADING, flush=True)
    outcomes = []
    for guide in guides:
        outcomes.append(run(guide, given.seed))
        print(report.line(outcomes[-1]), flush=True)
    print("\n".join(("", *report.end(outcomes))))


if __name__ == "__main__":
    main()
