"""Model files: labels of the images that models are fitted on, steps that are refused, changes by another hand."""

import functools
import json
import operator
import os
import zipfile

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from featx import load_model
from featx.exceptions import ModelFileError

LABELS = np.array(20 * ["cat", "dog"])


class Custom(LogisticRegression):
    pass


# Steps that run code when they are loaded without looking, with the name that is refused.
TRAPS = {
    "function": (FunctionTransformer(os.system), "posix.system|nt.system"),
    "partial": (FunctionTransformer(functools.partial(os.system, "echo")), "functools.partial"),
    "methodcaller": (operator.methodcaller("system", "echo"), "operator.methodcaller"),
    "class": (Custom(), r"saved_models.Custom"),
    "array": (np.array([FunctionTransformer(eval)], dtype=object), "builtins.eval"),
}


def refusal(path, error=ModelFileError, **options):
    """Return the message with which a model is refused, which has a next step."""
    with pytest.raises(error) as caught:
        load_model(path, **options)
    assert str(path) in str(caught.value) or error is not ModelFileError
    assert caught.value.next_step
    assert not caught.value.message.endswith(".")
    return str(caught.value)


def edited(path, change):
    """Change the schema of a model file, with or without skops."""
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(content["schema.json"])
    change(schema)
    content["schema.json"] = json.dumps(schema).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return path


def nodes(value, kind):
    """Yield the nodes of a schema that are objects of a class."""
    if isinstance(value, dict) and value.get("__class__") == kind and value.get("__loader__") == "ObjectNode":
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from nodes(child, kind)


def literal(value):
    content = {"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode"}
    return {**content, "content": json.dumps(value), "is_json": True}


def add(node, key, value):
    """Add an attribute to an object, or replace it."""
    content = node["content"]
    if key not in content["content"]:
        content["key_types"]["content"].append({"__class__": "str", "__module__": "builtins", "__loader__": "TypeNode"})
    content["content"][key] = value


def set_on(part, name, value):
    """Set an attribute of a part of a model, and return the part."""
    vars(part)[name] = value
    return part
