"""Rewrite error messages of the library to name options of the command line instead of Python parameters."""

from __future__ import annotations

import re
from typing import Any

import click

__all__ = ["in_options", "register_options"]

OPTIONS_KEY = "options by parameter"
# Options whose parameter has another name in the library.
LIBRARY_NAMES = {
    "seed": ("random_state",),
    "layer": ("layers",),
    "pooling": ("poolings",),
    "trust": ("trusted",),
}
# Its values differ in Python.
UNTRANSLATED = ("on_error",)
# Every command has this option.
ALWAYS_KNOWN = {"cache": ("--cache", "")}
# What precedes a parameter in messages. Names of files and classes may look like parameters; those of several words
# hardly do.
LEAD = (
    r"(?:^|[:;.] |\b(?:got|[Pp]ass|[Uu]se|[Cc]hoose|[Ss]et|[Kk]eep|[Ll]eave|[Rr]aise|[Ll]ower|smaller|larger|another"
    r"|at|by|with|beside|and|or|to|than) |\()"
)
WORD_LEAD = rf"(?:{LEAD}|\b(?:an?|as|in|that) )"
VALUE = r"'[^']*'|\([^()]*\)|\[[^\[\]]*\]|[\w+-]+(?:[.:][\w+-]+)*"


def register_options(ctx: click.Context) -> None:
    """Let messages of the library name the options of this command."""
    known = dict(ALWAYS_KNOWN)
    for param in ctx.command.params:
        if isinstance(param, click.Option) and (flag := next((o for o in param.opts if o.startswith("--")), "")):
            name = flag.removeprefix("--").replace("-", "_")
            no = next((o for o in param.secondary_opts if o.startswith("--")), "")
            for each in {name, str(param.name), *LIBRARY_NAMES.get(name, ())} - set(UNTRANSLATED):
                known[each] = (flag, no)
    ctx.meta[OPTIONS_KEY] = known


def in_options(text: str, ctx: click.Context | None = None) -> str:
    """Return a message with ``name=value`` as ``--name value`` if that is an option of the running command."""
    ctx = ctx or click.get_current_context(silent=True)
    if ctx is None:
        return text
    known = ctx.meta.get(OPTIONS_KEY, ALWAYS_KNOWN)
    text = re.sub(r",? in Python (?:\w+=\w*|\w+\([^()]*\)|\[[^\[\]]*\])", "", text)

    def given(found: re.Match[str]) -> str:
        flag, no = known[found["name"]]
        if no and found["value"] in ("True", "False"):
            return found["lead"] + (flag if found["value"] == "True" else no)
        return f"{found['lead']}{flag} {_typed(found['value'])}"

    names = "|".join(sorted(map(re.escape, known), key=len, reverse=True))
    # Some messages name both the parameter and the option.
    text = re.sub(rf"\b[a-z]+(?:_[a-z]+)*=(?:{VALUE}) \((--[a-z][^()]*(?:\([^()]*\))?[^()]*)\)", r"\1", text)
    text = re.sub(rf"(?P<lead>{LEAD})(?P<name>{names})=(?P<value>{VALUE})", given, text)
    # A word without an underscore may be plain English.
    bare = "|".join(sorted((name for name in known if "_" in name), key=len, reverse=True))
    if bare:
        named = rf"(?P<lead>{WORD_LEAD})(?P<name>{bare})(?![\w=/\\-]|\.\w)"
        text = re.sub(named, lambda m: m["lead"] + known[m["name"]][0], text)
    # Or the option first.
    return re.sub(r"(--[\w-]+(?: [^\s()]+)?) \(\1\)", r"\1", text)


def _typed(value: str) -> Any:
    """Return a Python value as it is typed after an option."""
    if value == "None":
        return "none"
    if value[0] in "([":
        return re.sub(r"[()\[\]'\s]", "", value)
    plain = value.strip("'")
    return plain if re.fullmatch(r"[\w.:+-]+", plain) else value
