"""Which tests a run has, and from what state each of them starts.

The backend of a run is the environment variable KERAS_BACKEND; a missing library is an error. The
short form, which is the default, leaves to PyTorch's run what one backend shows as well as three.
"""

import gc
import importlib.metadata
import os
import signal
import sys

import pytest

from tests import browser

# A shell ignores Ctrl-C on behalf of what it starts in the background; some tests press it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--gate", action="store_true", help="also the examples and Keras's own tests")
    parser.addoption("--long", action="store_true", help="every test, wherever it can run")
    parser.addoption("--oldest", action="store_true", help="only what is marked `oldest`")


def pytest_configure(config):
    """Say at once, and once, what the browser's tests need: other processes would all say it."""
    long, on_torch = config.getoption("long"), os.environ.get("KERAS_BACKEND") == "torch"
    wanted = long or (config.getoption("gate") and on_torch)
    if wanted and "not browser" not in config.option.markexpr and not browser.executable():
        raise pytest.UsageError(
            "the tests marked `browser` need Chromium: apt-get install chromium, or leave them out "
            "with -m 'not browser'"
        )


def pytest_report_header(config) -> str:
    version, backend = importlib.metadata.version("keras"), os.environ.get("KERAS_BACKEND")
    form = "every test"
    if config.getoption("oldest"):
        form = "contracts, files and what Keras may move"
    elif not config.getoption("long"):
        form = "the short form; what needs no backend, and all combinations, run on torch"
    return f"keras {version} on {backend or 'its default backend'}: {form}"


def pytest_collection_modifyitems(config, items):
    """Deselect the tests that other runs have."""
    here, elsewhere = [], []
    for item in items:
        (here if _belongs(item, config) else elsewhere).append(item)
    items[:] = sorted(here, key=lambda item: not _marked(item, "gate"))  # They take longest.
    config.hook.pytest_deselected(items=elsewhere)


def _belongs(item, config) -> bool:
    import keras

    backend, able = keras.backend.backend(), _backends(item, "backend")
    if able is not None and backend not in able:
        return False
    if config.getoption("long"):
        return True
    if config.getoption("oldest") and not _marked(item, "oldest"):
        return False
    if _marked(item, "gate") and not config.getoption("gate"):
        return False
    if _marked(item, "host") and not config.getoption("oldest") and backend != "torch":
        return False
    usual = _backends(item, "short")
    # What the usual backend cannot run is not left to it.
    return usual is None or backend in usual or bool(usual and able and not usual & able)


def _marked(item, name) -> bool:
    return item.get_closest_marker(name) is not None


def _backends(item, name) -> set[str] | None:
    marker = item.get_closest_marker(name)
    return None if marker is None else set(marker.args)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Turn every skip into a failure: what cannot run here is deselected, never passed over."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped: {report.longrepr}"


@pytest.fixture(scope="session", autouse=True)
def backend():
    """Import what most tests use: here, so that the process which only deals them out need not."""
    import keras
    import matplotlib

    matplotlib.use("agg")
    if keras.backend.backend() == "tensorflow":
        from tests import tensorflow_data

        tensorflow_data.stop_tuning()


@pytest.fixture(scope="module", autouse=True)
def little_to_collect(backend):
    """Spare collections of garbage what earlier modules hold; KerasTuner collects twice a trial."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def same_start(backend):
    """Give every test the same seeds, float32, and no layers of an earlier test."""
    import keras

    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(1)


@pytest.fixture(autouse=True)
def figures_closed(backend):
    """Close the figures that a test leaves with pyplot, which warns of many."""
    yield
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot:
        pyplot.close("all")


@pytest.fixture
def float64(same_start):
    """Run the test with float64 as Keras's default type."""
    import keras

    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
