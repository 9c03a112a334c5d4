"""Prices depend on rates."""

from workload import rates


def price(number):
    return 1.25 * rates.rate_of(number)
