"""Nox sessions: lint, types, the tests, also with coverage or with the newest or oldest dependencies, and the site."""

import configparser
import re
from pathlib import Path

import nox

nox.options.sessions = ["lint", "types", "tests", "pages"]
nox.needs_version = ">=2024.10.9"


def lower_bounds(path):
    """Return every `name>=version` of a setup.cfg as the line of constraints `name==version`."""
    setup = configparser.ConfigParser()
    setup.read(path)
    texts = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    # A constraint names no extras: `fsspec[http]>=2024.6.1` is `fsspec==2024.6.1`.
    return sorted({re.sub(r"(\[.*\])?>=", "==", line) for text in texts for line in text.split() if ">=" in line})


# Both sessions install a torch of their own: some 6 GB, and 10 minutes with the tests.
@nox.session
def latest(session):
    """Run the tests with the newest release of every dependency."""
    session.install("-e", ".[test]")
    session.run("pytest", *session.posargs)


@nox.session(python="3.11")
def oldest(session):
    """Run the tests with the lower bound of every dependency, on the oldest Python."""
    constraints = Path(session.create_tmp(), "constraints.txt")
    constraints.write_text("\n".join(lower_bounds("setup.cfg")), encoding="utf-8")
    session.install("-e", ".[test]", "--constraint", str(constraints))
    session.run("pip", "list")
    # Old libraries meet newer ones below them, and are warned of what the latter have renamed since; the models in
    # tests/data were written by a newer scikit-learn.
    ignored = ("DeprecationWarning", "sklearn.exceptions.InconsistentVersionWarning")
    session.run("pytest", *(f"-Wignore::{name}" for name in ignored), *session.posargs)


# These run in the environment that is active, which has `.[dev]`: mypy reads the types of torch there.
@nox.session(venv_backend="none")
def lint(session):
    """Look for faults and misspelt words, and check the formatting."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("codespell")


@nox.session(venv_backend="none")
def types(session):
    """Check the types."""
    session.run("mypy", "featx", "cache", "cli")


@nox.session(venv_backend="none")
def clusters(session):
    """Run the tests that start clusters of this machine; they have `.[dev,cluster,ray]`."""
    session.run("python", "-c", "import distributed, ray")  # whose tests would be skipped without them
    session.run("pytest", "-n", "0", "-rs", "-m", "cluster", *session.posargs)


@nox.session(venv_backend="none")
def gpu(session):
    """Run the tests of a GPU; they are skipped where there is none."""
    session.run("pytest", "-n", "0", "-m", "gpu", "-rs", *session.posargs)


@nox.session(venv_backend="none")
def tests(session):
    """Run the tests."""
    session.run("pytest", *session.posargs)


@nox.session(venv_backend="none")
def coverage(session):
    """Run the tests, and print the lines that none of them runs; processes that tests start are not measured."""
    # Nothing depends on the lines, so that `nox` alone does without: of what Python 3.11 has, slipcover adds a tenth to
    # the suite, coverage a half.
    session.run("python", "-m", "slipcover", "-m", "pytest", *session.posargs)


def build_site(session, *options):
    """Build docs/_build/html, without the network; a warning is an error."""
    session.run("sphinx-build", "--fail-on-warning", "--keep-going", "-q", *options, "docs", "docs/_build/html")


@nox.session(venv_backend="none")
def docs(session):
    """Build the site, and run the examples of its gallery that have changed since the last build."""
    build_site(session, *session.posargs)


@nox.session(venv_backend="none")
def pages(session):
    """Build the site without running the examples of its gallery, which have tests."""
    build_site(session, "-D", "plot_gallery=0")
