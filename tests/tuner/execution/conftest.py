"""Leaves out what needs Dask where it is not installed: the extra `dask` of this package."""

import importlib.util

collect_ignore = [] if importlib.util.find_spec("distributed") else ["test_dask.py"]
