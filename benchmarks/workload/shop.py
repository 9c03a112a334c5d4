"""The entrance: a test, and what it tests."""

from workload import orders


def test_checkout(number):
    """The test that fails (on purpose) six frames deep; ``number`` makes each failure differ."""
    checkout({"number": number, "lines": [("tea", 3), ("milk", 2)]})


def checkout(order):
    return orders.total(order)


def passing(number=0):
    return number
