"""Rates come from a currency."""

from workload.currency import convert


def rate_of(number):
    return convert(number, "EUR") * 1.19
