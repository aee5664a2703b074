"""The backend of a run is the environment variable KERAS_BACKEND; a missing library is an error."""

import gc
import signal

import keras
import matplotlib
import pytest

matplotlib.use("agg")

# A shell ignores Ctrl-C on behalf of what it starts in the background; some tests press it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

if keras.backend.backend() == "tensorflow":
    from tests import tensorflow_data

    tensorflow_data.stop_tuning()


def pytest_report_header() -> str:
    return f"keras {keras.__version__} on {keras.backend.backend()}"


def pytest_collection_modifyitems(config, items):
    """Deselect the tests that another backend's run holds."""
    here, elsewhere = [], []
    for item in items:
        marker = item.get_closest_marker("backend")
        belongs = marker is None or keras.backend.backend() in marker.args
        (here if belongs else elsewhere).append(item)
    items[:] = here
    config.hook.pytest_deselected(items=elsewhere)


def pytest_collection_finish():
    """Spare collections of garbage what the imports made; KerasTuner collects twice a trial."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Turn every skip into a failure: what cannot run here is deselected, never passed over."""
    outcome = yield
    report = outcome.get_result()
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped: {report.longrepr}"


@pytest.fixture(autouse=True)
def same_start():
    """Give every test the same seeds, float32, and no layers of an earlier test."""
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(1)


@pytest.fixture
def float64(same_start):
    """Run the test with float64 as Keras's default type."""
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
