"""Objects of data libraries, told by their attributes: none is imported, none is computed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from failextract_nb._perobject import PerObject
from failextract_nb._strings import clean

MAX_WORD = 40  # characters of a column's name, a dtype, a device
MAX_COLUMNS = 12
MAX_DTYPES = MAX_TOLD = 256  # remembered
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


def describer(cls: type, roots: Sequence[str]) -> Callable[[Any], list[str]]:
    """A function that tells shape, dtype, device and columns of objects of ``cls``, no content.

    ``roots`` are the packages that it and its bases are from.  What the class has is looked up
    once, and on the class: ``frame.dtype`` may be a column.
    """
    has_shape, has_dtype, has_device, has_sizes, has_names, has_columns = (
        hasattr(cls, name) for name in _ATTRIBUTES
    )
    pandas = "pandas" in roots
    has_device = has_device and "numpy" not in roots  # a NumPy array is always here
    named = "column_names" if has_names else "columns"  # Arrow's ``columns`` are the data

    def describe(value: Any) -> list[str]:
        parts: list[str] = []
        shape: Any = getattr(value, "shape", None) if has_shape else None
        if type(shape) is tuple or type(shape).__name__ == "Size":  # torch's own tuple
            parts.append(" × ".join(map(str, shape)) or SCALAR)
            if has_dtype and (dtype := getattr(value, "dtype", None)) is not None:
                parts.append(_dtype(dtype))
            if has_device and (device := str(getattr(value, "device", ""))) not in _HERE:
                parts.append(_cut(device))
        elif has_sizes and (sizes := getattr(value, "sizes", None)) is not None:
            parts.append(_sizes(sizes))
        if (has_names or has_columns) and (columns := getattr(value, named, None)) is not None:
            # An index of pandas does not change; slicing and reading it is slow.
            known = _index.known.get(id(columns)) if pandas else None
            if known is not None and known[0]() is columns:
                text = known[1]
            else:
                is_index = pandas and type(columns).__module__.partition(".")[0] == "pandas"
                text = _index(columns) if is_index else _columns(columns)
            parts.append(text)
        return [*filter(None, parts)]

    is_array = cls is getattr(sys.modules.get("numpy"), "ndarray", None)
    return _array_describer(describe) if is_array else describe


def _array_describer(describe: Callable[[Any], list[str]]) -> Callable[[Any], list[str]]:
    """The same for NumPy's own arrays: all that is told of them depends on shape and dtype."""
    told: dict[Any, list[str]] = {}

    def describe_array(value: Any) -> list[str]:
        key = value.shape, value.dtype
        known = told.get(key)
        if known is None:
            known = describe(value)
            if value.dtype.kind != "V":  # fields of the user's, of which equal ones may differ
                if len(told) >= MAX_TOLD:
                    told.clear()
                told[key] = known
        return known

    return describe_array


_ATTRIBUTES = ("shape", "dtype", "device", "sizes", "column_names", "columns")
_HERE = ("cpu", "None", "")  # a device that is not worth a word
_dtypes: dict[Any, str] = {}  # of numpy -> their names, which numpy is slow to tell


def _dtype(dtype: Any) -> str:
    if type(dtype).__module__ != "numpy.dtypes":
        return _cut(str(dtype))
    text = _dtypes.get(dtype)
    if text is None:
        text = _cut(str(dtype))
        if dtype.kind != "V":  # V: fields of the user's
            if len(_dtypes) >= MAX_DTYPES:
                _dtypes.clear()
            _dtypes[dtype] = text
    return text


def _cut(text: str) -> str:
    return clean(text if len(text) <= MAX_WORD else f"{text[:MAX_WORD]}…")


def _columns(columns: Any) -> str:
    length = len(columns)
    # Slicing an index makes an index.
    first = list(columns) if length <= MAX_COLUMNS else columns[:MAX_COLUMNS]
    more = f", … {length - MAX_COLUMNS} more" if length > MAX_COLUMNS else ""
    return f"columns: {', '.join([_cut(str(column)) for column in first])}{more}" if length else ""


_index = PerObject(_columns)


def _sizes(sizes: Any) -> str:
    return clean(", ".join(f"{key}: {sizes[key]}" for key in islice(sizes, MAX_COLUMNS)))
