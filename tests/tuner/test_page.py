"""What the page about searching shows runs."""

import re

import keras
import pytest

from tests.contracts import ROOT


@pytest.mark.short("torch")
def test_the_search_of_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "tuner.md").read_text()
    namespace = {}
    for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(compile(block, "tuner.md", "exec"), namespace)
    assert isinstance(namespace["best"], keras.Model)
    assert len(namespace["each"].scores) == 3
    folders = re.findall(r"^runs/signs/(\S+) ", page, re.MULTILINE)
    assert len(folders) == 4
    for file in folders:
        assert (tmp_path / "runs" / "signs" / file).exists()
