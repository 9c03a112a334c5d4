"""What is made once for each class and each code object."""

from __future__ import annotations

import gc
import weakref

import pytest

from failextract_nb._perobject import PerObject
from failextract_nb._safe import text_of


def test_made_once_for_each_and_forgotten_with_it():
    """The second call makes nothing; when the object goes, so does what was made for it."""
    made = []
    names = PerObject(lambda cls: made.append(cls.__name__) or cls.__name__)

    class One:
        pass

    class Two:
        pass

    assert [names(One), names(Two), names(One)] == ["One", "Two", "One"]
    assert made == ["One", "Two"]
    assert len(names) == 2
    del One
    gc.collect()
    assert len(names) == 1
    names.clear()
    assert names(Two) == "Two"
    assert made == ["One", "Two", "Two"]


def test_equal_objects_are_not_the_same():
    """A metaclass that says that all its classes are equal, or that has no hash, confuses nobody."""

    class Meta(type):
        def __eq__(cls, other):
            return True

        __hash__ = None

    class One(metaclass=Meta):
        pass

    class Two(metaclass=Meta):
        pass

    names = PerObject(lambda cls: cls.__name__)
    assert [names(One), names(Two)] == ["One", "Two"]


def test_a_class_that_gets_a_repr_later():
    """As %autoreload does it: what was remembered about the class is not what is shown."""

    class Thing:
        pass

    thing = Thing()
    assert text_of(thing) == "<Thing object>"
    Thing.__repr__ = lambda self: "a thing"
    assert text_of(thing) == "a thing"


def test_what_dies_while_the_stack_is_full():
    """Nothing can be called then, so nobody is told; what stands in its place is another all the same."""
    cache = PerObject(lambda thing: thing.__name__)
    held = []

    def down():
        try:
            down()
        except RecursionError:
            if held:  # here, at the bottom
                held.clear()
                gc.collect()
            raise

    for number in range(50):
        held.append(type(f"C{number}", (), {}))
        cache(held[-1])
    with pytest.raises(RecursionError):
        down()
    # Python gives a freed place to the next object that fits.
    for number in range(500):
        again = type(f"D{number}", (), {})
        assert cache(again) == f"D{number}"
        held.append(again)


def test_an_entry_of_a_thing_that_is_gone():
    cache = PerObject(lambda thing: thing.__name__)
    new, old = type("New", (), {}), type("Old", (), {})
    cache._known[id(new)] = (weakref.ref(old), "Old")
    assert cache(new) == "New"
    assert cache(new) == "New"
