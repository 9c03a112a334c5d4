"""Rates come from a currency."""

from workload.currency import convert


def rate_of(name, number):
    return convert(name, number, currency="EUR") * 1.19
