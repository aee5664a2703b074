"""Twenty published programs that did not train, re-stated, on which nothing was tuned.

They are questions of Stack Overflow and its sister sites and issues of Keras, found by searching
for symptoms (a loss that stands still, the same output for every row, a validation that stays
behind), and chosen before any of them was diagnosed, by somebody who knew the names of the
conditions but not the rules: questions that show enough of the program to be run, whose answer
is known or beyond doubt, half with a head, loss or targets that do not fit and half with faults
of training, over several kinds of networks. None is a case of this benchmark.

Data are generated, or bundled with scikit-learn, in the threads' form and scale; rows, pixels
and units are fewer, and where that would leave too few updates batches are smaller too. Models,
losses, optimizers and epochs are the threads', but for what `otherwise` says. Faults are what
the answer changes; several names stand where it can be called by each. Whether a program fails
as given and trains when mended: `--counterfactual`.
"""

from benchmarks.diagnosis.published import dense, images, sequences, values
from benchmarks.diagnosis.published.program import Programs

SUBJECTS = (dense, values, images, sequences)


def programs() -> Programs:
    """Return all of them."""
    return tuple(each for subject in SUBJECTS for each in subject.programs())
