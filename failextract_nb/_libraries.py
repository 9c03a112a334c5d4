"""Objects of data libraries, told by their attributes: none is imported, none is computed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

MAX_WORD = 40  # characters of a column's name, a dtype, a device
MAX_COLUMNS = 12
SCALAR = "scalar"

# Summarised by what their attributes say: their repr may be slow, huge, or a download.
DATA = frozenset({
    "numpy", "pandas", "polars", "torch", "xarray", "cupy", "jax", "jaxlib", "tensorflow",
    "pyarrow", "scipy", "geopandas",
})  # fmt: skip
# Never asked for anything: to look at them is to run them.
LAZY = frozenset({
    "dask", "distributed", "pyspark", "django", "sqlalchemy", "ibis", "vaex", "modin", "ray",
})  # fmt: skip
LAZY_NAMES = frozenset({"LazyFrame", "LazyGroupBy"})


def is_lazy(roots: Sequence[str], name: str) -> bool:
    """Whether a class of this name, with bases from these packages, computes when looked at."""
    return name in LAZY_NAMES or not LAZY.isdisjoint(roots)


def describe(value: Any, cls: type) -> list[str]:
    """Shape, dtype, device and columns of ``value``, as far as it has them; never its content.

    Looked up on the class first, because ``frame.dtype`` may be a column.
    """
    parts = []
    shape = _attribute(value, cls, "shape")
    if type(shape) is tuple or type(shape).__name__ == "Size":  # torch's own tuple
        parts.append(" × ".join(str(n) for n in shape) or SCALAR)
        if (dtype := _attribute(value, cls, "dtype")) is not None:
            parts.append(_word(dtype))
        if (device := _attribute(value, cls, "device")) is not None and str(device) != "cpu":
            parts.append(_word(device))
    elif (sizes := _attribute(value, cls, "sizes")) is not None:
        parts.append(_sizes(sizes))
    names = _attribute(value, cls, "column_names")  # Arrow's ``columns`` are the data
    columns = _attribute(value, cls, "columns") if names is None else names
    if columns is not None:
        parts.append(_columns(columns))
    return [part for part in parts if part]


def _attribute(value: Any, cls: type, name: str) -> Any:
    return getattr(value, name, None) if hasattr(cls, name) else None


def _word(value: object) -> str:
    text = str(value)
    return text if len(text) <= MAX_WORD else f"{text[:MAX_WORD]}…"


def _columns(columns: Any) -> str:
    length = len(columns)
    first = [_word(column) for column in columns[:MAX_COLUMNS]]
    more = f", … {length - MAX_COLUMNS} more" if length > MAX_COLUMNS else ""
    return f"columns: {', '.join(first)}{more}" if first else ""


def _sizes(sizes: Any) -> str:
    return ", ".join(f"{key}: {sizes[key]}" for key in islice(sizes, MAX_COLUMNS))
