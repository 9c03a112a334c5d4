"""Prices depend on rates."""

from workload import rates


def price(name, number):
    base = len(name) * 1.25
    return base * rates.rate_of(name, number)
