"""Orders add up their lines."""

from workload import pricing


def total(order):
    due = 0.0
    for name, count in order["lines"]:
        due += count * pricing.price(name, order["number"])
    return due
