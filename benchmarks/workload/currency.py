"""Where it fails, with locals of the kinds that a notebook holds."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd


class Customer:
    """An object with a repr of its own."""

    def __init__(self, name, city):
        self.name = name
        self.city = city

    def __repr__(self):
        return f"<Customer {self.name} of {self.city}>"


TABLE = pd.DataFrame({"price": range(1000), "weight": 1.0})
MATRIX = np.zeros((64, 64))


def convert(number, currency):
    table, matrix, pair, token = TABLE, MATRIX, (currency, number), "t0p-s3cr3t-value"
    settings = {"db": {"host": "here", "port": number, "password": "hunter2"}, "retry": [1, 2, 3]}
    customer, items = Customer(f"Ada {number}", "London"), list(range(number % 10, 100))
    when = datetime.fromtimestamp(1_770_000_000 + number, UTC)
    raise ValueError(f"no rate for {currency} in order {number}")
