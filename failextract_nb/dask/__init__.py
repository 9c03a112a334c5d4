"""Failures of a Dask cluster: ``watch`` in the notebook, ``FailurePlugin`` on the workers."""

try:
    import distributed  # noqa: F401  # said here, once, what is missing
except ImportError as error:
    raise ImportError(
        "failextract_nb.dask needs Dask's scheduler; pip install 'failextract-nb[dask]'"
    ) from error

from failextract_nb.dask.watching import Watch, watch
from failextract_nb.dask.worker import FailurePlugin

__all__ = ["FailurePlugin", "Watch", "watch"]
