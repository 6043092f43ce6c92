"""Promised: every public class, function and method says in numpydoc's form what it takes and returns."""

import dataclasses
import functools
import inspect
import re
import types

import pytest

import featx

validation = pytest.importorskip("numpydoc.validate", reason="numpydoc comes with the extra dev")

CHECKS = set(validation.ERROR_MSGS) - {
    "ES01",  # a summary that says all needs no second paragraph
    "SA01",  # so many names are read in the order of the README, which links them
    "EX01",  # examples stand where they teach something, and in the README
    "PR07",  # a name and a type that say all need no description
    "RT03",
}
METHODS = (types.FunctionType, classmethod, staticmethod, property, functools.cached_property)
ELSEWHERE = re.compile(r"As (?:for|in) `(\w+)`")


def public_names():
    """Return the public classes and functions, and the methods and properties that the classes define or inherit."""
    found = []
    for name in featx.__all__:
        thing = getattr(featx, name)
        if callable(thing):
            found.append(name)
        if not inspect.isclass(thing):
            continue
        for key in sorted(set(dir(thing))):
            owner = next((base for base in thing.__mro__ if key in vars(base)), object)
            member = inspect.getattr_static(thing, key)
            # scikit-learn makes `set_fit_request` and its like in each class, with docstrings of its own.
            own = owner.__module__.startswith("featx") and not re.fullmatch("_.*|set_.*_request", key)
            if own and isinstance(member, METHODS):
                found.append(f"{name}.{key}")
    return found


class PublicDocstring(validation.Validator):
    """What numpydoc is told of a docstring where featx says things in one place only."""

    def __init__(self, obj_name):
        super().__init__(validation.get_doc_object(self._load_obj(obj_name)))

    @property
    def doc_all_parameters(self):
        """The parameters; of a data class that only featx makes, the fields, which are its attributes."""
        found = super().doc_all_parameters
        if dataclasses.is_dataclass(self.obj) and not found:
            # As in the signature, where those by keyword alone are last.
            fields = [field.name for field in sorted(dataclasses.fields(self.obj), key=lambda field: field.kw_only)]
            attributes = self._doc_parameters(["Attributes"])
            return {name: attributes[name] for name in fields if name in attributes}
        return found

    def parameter_type(self, param):
        """The type of a parameter, which is given where "As for `another_name`" points to."""
        kind, words = self.doc_all_parameters[param]
        place = ELSEWHERE.match(" ".join(words))
        if kind or not place:
            return kind
        bases = {base.__name__: base for base in getattr(self.obj, "__mro__", ())}
        other = bases.get(place[1]) or getattr(featx, place[1])
        return f"as for {place[1]}" if param in inspect.signature(other).parameters else ""

    @property
    def is_said_in_a_line(self):
        """Whether one line documents it: a name and an annotated type say all of one or two parameters."""
        return self.is_function_or_method and "\n" not in self.raw_doc and len(super().signature_parameters) <= 2

    @property
    def signature_parameters(self):
        """The parameters of the signature; those of an inherited `__init__` are documented where it is defined."""
        inherited = inspect.isclass(self.obj) and "__init__" not in vars(self.obj)
        return () if inherited or self.is_said_in_a_line else super().signature_parameters

    @property
    def method_returns_something(self):
        """Whether a section must say what is returned, and no summary does beside the annotated type."""
        said = self.is_said_in_a_line or re.match("Return |Tell ", self.summary)
        return super().method_returns_something and not said


@pytest.mark.parametrize("name", public_names())
def test_numpydoc_finds_no_fault(name):
    errors = validation.validate(f"featx.{name}", PublicDocstring)["errors"]
    assert [f"{code} {message}" for code, message in errors if code in CHECKS] == []
