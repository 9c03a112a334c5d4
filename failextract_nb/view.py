"""The rows of a failure table that one looks at: sorted, filtered, and a window of them.

A view is a frame and an order of its rows.  Nothing is copied before a window is asked for, so
that a hundred thousand failures sort and filter while one waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    Rows = np.ndarray[Any, Any]

SAMPLE = 1_000  # rows that tell whether a column repeats itself


class View:
    """Some rows of ``table.to_frame(…)`` in some order; every method gives another view."""

    def __init__(self, frame: pd.DataFrame, rows: Rows | None = None) -> None:
        import numpy as np

        self.frame = frame
        self.rows = np.arange(len(frame)) if rows is None else rows

    def __len__(self) -> int:
        return len(self.rows)

    def sort(self, column: str, ascending: bool = True) -> View:
        """By a column.  Rows equal in it keep their order, those without a value go last.

        Raises KeyError for a column that the frame does not have.
        """
        if column not in self.frame.columns:
            known = ", ".join(map(str, self.frame.columns))
            raise KeyError(f"there is no column {column!r}; there are: {known}")
        values = self.frame[column].iloc[self.rows]
        return View(self.frame, self.rows[_order(values, ascending)])

    def filter(self, expression: str) -> View:
        """Those that a pandas query keeps, such as ``type == 'KeyError' and line > 3``.

        Raises ValueError where the expression is not true or false for each row, and what pandas
        raises for one that it cannot read.
        """
        import numpy as np

        kept: Any = self.frame.eval(expression)
        if np.shape(kept) != (len(self.frame),) or kept.dtype.kind != "b":
            raise ValueError(f"{expression!r} is not true or false for each failure")
        return View(self.frame, self.rows[kept.to_numpy(dtype=bool, na_value=False)[self.rows]])

    def window(self, start: int, count: int) -> pd.DataFrame:
        """``count`` rows from ``start`` on (0-based), under their numbers in the whole frame."""
        start = max(0, start)
        return self.frame.iloc[self.rows[start : start + max(0, count)]]


def _order(values: pd.Series[Any], ascending: bool) -> Rows:
    """Where each place of the sorted column is found in ``values``."""
    import numpy as np
    import pandas as pd

    if isinstance(values.dtype, pd.DatetimeTZDtype):  # microseconds are whole numbers to a float
        stamps = values.to_numpy(dtype="datetime64[us]")
        numbers = np.where(np.isnat(stamps), np.nan, stamps.view("int64").astype("float64"))
    elif pd.api.types.is_numeric_dtype(values.dtype):
        numbers = values.to_numpy(dtype="float64", na_value=np.nan)
    else:
        texts = values.tolist()
        if len(set(texts[:SAMPLE])) > SAMPLE / 4:  # nearly all differ: to rank them is no gain
            order = sorted(range(len(texts)), key=texts.__getitem__, reverse=not ascending)
            return np.array(order, dtype="int64")
        rank = {text: place for place, text in enumerate(sorted(set(texts)))}
        numbers = np.fromiter(map(rank.__getitem__, texts), dtype="float64", count=len(texts))
    return np.argsort(numbers if ascending else -numbers, kind="stable")
