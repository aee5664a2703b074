"""What a diagnosis that is renewed while a model trains has not said before."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from keras_trainkit.callbacks._gradient_monitor.record import Record
from keras_trainkit.callbacks._gradient_monitor.session import in_one_line
from keras_trainkit.diagnosis import Diagnosis, Facts, Finding, NonFinite, Thresholds, diagnose
from keras_trainkit.diagnosis._diagnose.case import Case
from keras_trainkit.diagnosis.diagnose import STATIC, diagnose_so_far, examined


class News:
    """Prints the findings that are new, and those that have become worse.

    A finding is known by its name and its place. One that was gone for a while is not new.

    Args:
        told: what `get_state` returned. Defaults to `()`: nothing was told.
    """

    def __init__(self, told: Iterable[Sequence[Any]] = ()) -> None:
        self._told = {(name, where): int(mildness) for name, where, mildness in told}
        self._has_failed = False

    def tell(
        self, when: str, record: Record, events: Sequence[NonFinite], is_running: bool = True
    ) -> None:
        """Print what is new in a record; where a rule fails, say so once.

        Args:
            when: string. Stands in front: `"epoch 3"`.
            record: what is known up to now.
            events: what was not finite up to now.
            is_running: bool. Whether the training goes on: what only its end shows is left out.
                Defaults to `True`.
        """
        try:
            self._print(when, self.of(_diagnosis_of(record, events, is_running)))
        except Exception as error:
            if not self._has_failed:
                print(f"\nGradientMonitor, {when}: no diagnosis, because {in_one_line(error)}.")
            self._has_failed = True

    def of(self, diagnosis: Iterable[Finding]) -> Diagnosis:
        """Return what has not been told of a diagnosis, and count it as told."""
        news: list[Finding] = []
        for root in diagnosis:
            if self._is_new(root):
                news.append(root)
            else:
                news += [_beneath(root, each) for each in root.consequences if self._is_new(each)]
            self._told.update(self._noted((root, *root.consequences)))
        return Diagnosis(tuple(news))

    def get_state(self) -> list[list]:
        """Return what was told: names, places, and at which severity."""
        return [[*key, mildness] for key, mildness in self._told.items()]

    def _is_new(self, finding: Finding) -> bool:
        told = self._told.get(_key(finding))
        return told is None or finding.mildness < told

    def _noted(self, findings: Iterable[Finding]) -> Iterator[tuple[tuple[str, str], int]]:
        for finding in findings:
            told = self._told.get(_key(finding), finding.mildness)
            yield _key(finding), min(finding.mildness, told)

    @staticmethod
    def _print(when: str, news: Diagnosis) -> None:
        if news:
            print(f"\nGradientMonitor, {when}:\n{news}")


def _diagnosis_of(record: Record, events: Sequence[NonFinite], is_running: bool) -> Diagnosis:
    if record.has_begun:
        return (diagnose_so_far if is_running else diagnose)(record.history(events))
    return examined(Case(record.facts or Facts(), Thresholds()), STATIC)


def _beneath(root: Finding, consequence: Finding) -> Finding:
    """Return a consequence by itself; what mends it is what mends the root."""
    explained = f"{consequence.text} The cause that was found: {root.label}."
    return replace(consequence, text=explained, remedies=())


def _key(finding: Finding) -> tuple[str, str]:
    return finding.name, finding.where
