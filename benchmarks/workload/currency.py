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
SETTINGS = {"db": {"host": "localhost", "port": 5432, "password": "hunter2"}, "retry": [1, 2, 3]}
CUSTOMER = Customer("Ada", "London")


def convert(number, currency):
    table, matrix, settings, customer = TABLE, MATRIX, SETTINGS, CUSTOMER
    pair, token = (currency, number), "t0p-s3cr3t-value"
    items, when = list(range(100)), datetime(2026, 1, 31, 12, tzinfo=UTC)
    raise ValueError(f"no rate for {currency} in order {number}")
