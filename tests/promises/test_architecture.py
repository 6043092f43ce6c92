"""Promised: imports go one way, and light modules stay light."""

import ast
import functools
import importlib
import inspect
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import featx

ROOT = Path(featx.__file__).parent.parent
ROOMS = {"featx": "featx", "cache": "featx.cache", "cli": "featx.cli"}
HEAVY = {"torch", "torchvision", "timm", "sklearn", "skops"}
# What the modules of a room may import, the files beside the rooms apart: every arrow that there is, and no other.
# A room imports from rooms of lower floors only; `cli` is above all, and nothing imports it.
ARROWS = {
    # floor 1
    "cache": "",
    "runtime": "",
    "display": "",
    "torch_modules": "",
    # floor 2
    "images": "cache runtime display",
    "evaluation": "display",
    # floor 3
    "datasets": "images evaluation display",
    "remote": "images cache display",
    "networks": "images torch_modules cache runtime display",
    # floor 4
    "extraction": "networks images cache runtime display",
    "heads": "evaluation images networks runtime display",
    # floor 5
    "finetuning": "extraction heads networks evaluation images torch_modules cache runtime display",
    "model_files": "extraction networks cache",
    # floor 6
    "workflows": "model_files finetuning heads extraction datasets evaluation images cache runtime display",
    "audit": "heads extraction datasets evaluation images cache runtime display",
    "comparison": "finetuning heads extraction datasets networks evaluation images cache runtime display",
    "ranking": "heads extraction datasets networks evaluation images runtime display",
    "onnx_export": "model_files finetuning heads extraction datasets networks evaluation images torch_modules cache "
    "display",
    # floor 7
    "forecast": "audit workflows ranking comparison finetuning extraction heads datasets networks evaluation images "
    "cache runtime display",
    "reports": "comparison networks evaluation images cache runtime display",
    # floor 8
    "html_report": "reports audit ranking comparison evaluation images cache runtime display",
}
# What is imported for annotations alone, and is not there when the program runs.
ANNOTATED = {
    "reports": "audit ranking forecast workflows heads extraction datasets",
    "html_report": "workflows heads datasets",
}
# Of some rooms, only these modules.
DOORS = {("heads", "networks"): {"pooling"}, ("heads", "images"): {"labels"}}
FLOORS = 9
# What the command line may import before a command runs: names and texts, without torch and scikit-learn.
LIGHT = (
    "_version",
    "choices",
    "exceptions",
    "display.quantities",
    "display.terminal",
    "heads.head_labels",
    "heads.head_names",
    "comparison.strategy_names",
)


def _modules():
    """Return the path of every module of the package by its dotted name."""
    found = {}
    for folder, package in ROOMS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = [package, *path.relative_to(ROOT / folder).with_suffix("").parts]
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


MODULES = _modules()


def _is_type_checking(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def _statements(node, *, everywhere):
    """Yield import statements: at module level, outside `if TYPE_CHECKING`; or everywhere."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if everywhere or not (inside or _is_type_checking(child)):
            yield from _statements(child, everywhere=everywhere)


@functools.cache
def imports(name, *, everywhere=False):
    """Return the dotted names of the modules that a module imports."""
    path, found = MODULES[name], set()
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    for statement in _statements(ast.parse(path.read_text(encoding="utf-8")), everywhere=everywhere):
        if isinstance(statement, ast.Import):
            found |= {alias.name for alias in statement.names}
            continue
        base = statement.module or ""
        if statement.level:
            parents = package.split(".")
            base = ".".join([*parents[: len(parents) - statement.level + 1], *filter(None, [base])])
        members = {f"{base}.{alias.name}" for alias in statement.names}
        found |= {member if member in MODULES else base for member in members}
    return frozenset(found | _named_by_text(path.read_text(encoding="utf-8")) if everywhere else found)


def _named_by_text(text):
    """Return the modules that the strings of a module name, as those that are imported by name or by a table do."""
    strings = {n.value for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    places = {f"featx.{string.lstrip('.').removeprefix('featx.')}" for string in strings}
    return {place for place in places & MODULES.keys() if place.count(".") > 1}


def own(found):
    return {name for name in found if name.split(".")[0] == "featx"}


def others(found):
    return {name.split(".")[0] for name in found} - {"featx"}


def room(package):
    return [name for name in MODULES if name == package or name.startswith(package + ".")]


def room_of(name):
    """Return the room of a module, or the name of a module that stands in none."""
    return name.split(".")[1] if name != "featx" else ""


SCIENCE = [name for name in MODULES if name not in {*room("featx.cache"), *room("featx.cli")}]
BESIDE = {"", "_version", "choices", "constraints", "exceptions", "process"}


def _has_names(name):
    return MODULES[name].stem != "__init__" or name in ("featx", "featx.cache", "featx.cli")


def arrows(*, everywhere):
    """Return what each room imports of others: (room, other room) -> the modules that are imported."""
    found = {}
    for name in MODULES:
        for other in own(imports(name, everywhere=everywhere)):
            pair = room_of(name), room_of(other)
            if pair[0] != pair[1] and not BESIDE & set(pair):
                found.setdefault(pair, set()).add(other.split(".")[2] if other.count(".") > 1 else "")
    return found


def _tests_of(name):
    """Return where the tests of a module are."""
    room, module = ("", *name.split(".")[1:])[-2:]
    return Path(room, f"test_{module}.py")


def test_every_module_has_a_file_of_tests_and_every_file_of_tests_a_module():
    tests = Path(__file__).parent.parent
    modules = {name for name, path in MODULES.items() if path.stem not in ("__init__", "_version")}
    files = {path.relative_to(tests) for path in [*tests.glob("test_*.py"), *tests.glob("[!.]*/test_*.py")]}
    expected = {_tests_of(name) for name in modules}
    assert expected - files == set()
    assert {path for path in files - expected if path.parent.name != "promises"} == set()


def test_every_room_is_read():
    places = ("heads.tuned_head", "images.limits", "cache.store", "cli.fit", "exceptions", "heads")
    assert all(f"featx.{name}" in MODULES for name in places)
    assert imports("featx.cli.fit", everywhere=True) >= {"featx.workflows.fit", "featx.cli.options", "click", "pathlib"}
    assert imports("featx.datasets.csv_tables") >= {"featx.exceptions", "featx.datasets.columns", "csv"}
    assert imports("featx.cache.store") >= {"featx.cache.maintenance", "featx.exceptions"}
    assert {room_of(name) for name in MODULES} == BESIDE | {"cli"} | set(ARROWS)


def test_rooms_import_what_the_table_allows_and_nothing_else():
    allowed = {(name, other) for name, text in ARROWS.items() for other in text.split()}
    annotated = {(name, other) for name, text in ANNOTATED.items() for other in text.split()}
    found = {pair: modules for pair, modules in arrows(everywhere=True).items() if pair[0] != "cli"}
    assert set(found) == allowed | annotated
    assert {pair for pair in arrows(everywhere=False) if pair[0] != "cli"} <= allowed
    for pair, modules in DOORS.items():
        assert found[pair] <= modules


def test_modules_that_are_imported_by_name_count():
    texts = (
        "import_module('featx.heads.heads')",
        "f('.heads.heads', 'featx')",
        "T = {'heads.heads': ('a',)}",
    )
    assert all(_named_by_text(text) == {"featx.heads.heads"} for text in texts)
    assert _named_by_text("logging.getLogger('featx'), open('featx.cache'), 'featx.heads.other'") == set()
    assert "featx.reports.summaries" in imports("featx", everywhere=True)


def test_only_the_command_line_imports_the_package_itself():
    # The package imports from every room, and whoever imports it would too.
    for name in set(MODULES) - {"featx", *room("featx.cli")}:
        assert "featx" not in imports(name, everywhere=True), name


def test_rooms_stand_on_floors():
    floors = {}
    for name in TopologicalSorter({name: text.split() for name, text in ARROWS.items()}).static_order():
        floors[name] = 1 + max((floors[other] for other in ARROWS[name].split()), default=0)
    assert list(floors.values()) == sorted(floors.values())
    assert max(floors.values()) + 1 <= FLOORS


@pytest.mark.parametrize("name", ["featx.exceptions", "featx._version"])
def test_the_errors_and_the_version_import_nothing_of_featx(name):
    assert not own(imports(name, everywhere=True))
    assert others(imports(name, everywhere=True)) <= sys.stdlib_module_names


@pytest.mark.parametrize("name", room("featx.cache"))
def test_the_cache_needs_numpy_and_h5py_only(name):
    found = imports(name, everywhere=True)
    assert others(found) - sys.stdlib_module_names <= {"numpy", "h5py", "filelock", "platformdirs"}
    assert own(found) <= {"featx.exceptions", "featx.constraints", "featx.process", *room("featx.cache")}


def test_the_solver_of_heads_has_one_door():
    for name, only in (("regularisation_path", "grid_predictions"), ("line_search", "regularisation_path")):
        importers = [other for other in MODULES if f"featx.heads.{name}" in imports(other, everywhere=True)]
        assert importers == [f"featx.heads.{only}"]


def test_nothing_imports_the_command_line():
    for name in (*SCIENCE, *room("featx.cache")):
        assert not [found for found in imports(name, everywhere=True) if found.startswith("featx.cli")], name


def test_no_modules_import_each_other():
    for everywhere in (False, True):
        # `import featx` is lazy: its imports under TYPE_CHECKING are no imports.
        graph = {name: own(imports(name, everywhere=everywhere)) for name in MODULES if name != "featx"}
        list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize("name", room("featx.cli"))
def test_commands_import_the_library_inside_their_bodies(name):
    found = imports(name)
    assert others(found) - sys.stdlib_module_names <= {"click"}
    light = {f"featx.{name}" for name in LIGHT}
    assert own(found) <= light | set(room("featx.cli"))


def test_import_featx_is_lazy():
    assert own(imports("featx")) == {"featx._version", "featx.display.summary_mixin"}
    assert others(imports("featx")) <= sys.stdlib_module_names


@pytest.mark.parametrize(
    "statement",
    [
        "import featx",
        "import featx.cache; featx.EmbeddingCache, featx.EmbeddingSpec",
        "import featx; print(featx.ImageDataset(['a.png'], ['a.png'])._repr_html_())",
        "from featx.cli import main; main(['--help'])",
        "from featx.cli import main; main(['cache', 'info'])",
        "from featx.cli import main; main(['fit', '--help'])",
    ],
)
def test_light_things_load_neither_torch_nor_scikit_learn(statement):
    code = f"import atexit, sys; atexit.register(lambda: print('loaded', *sys.modules)); {statement}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.rpartition("loaded")[2].split())
    assert "featx" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("name", MODULES)
def test_modules_say_what_they_are_for_and_stay_short(name):
    text = MODULES[name].read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring
    assert docstring.splitlines()[0].strip().endswith((".", ":"))
    assert len(text.splitlines()) <= 320


@pytest.mark.parametrize("name", [f"featx.{room}" for room in ARROWS if room != "cache"])
def test_a_room_begins_with_words_alone(name):
    statements = ast.parse(MODULES[name].read_text(encoding="utf-8")).body
    assert len(statements) == 1  # the docstring, so that what is light stays light


@pytest.mark.parametrize("name", [name for name in MODULES if name != "featx._version" and _has_names(name)])
def test_what_a_module_declares_public_exists(name):
    module = importlib.import_module(name)
    assert list(module.__all__) == list(dict.fromkeys(module.__all__))
    for public in module.__all__:
        assert hasattr(module, public), public


def test_public_names_resolve():
    assert set(featx.__all__) <= set(dir(featx))
    assert all(hasattr(featx, name) for name in featx.__all__)


def test_a_broken_package_is_named_in_place_of_the_public_name(monkeypatch):
    def broken(*_):
        raise AttributeError("module 'py' has no attribute 'path'")

    monkeypatch.setattr("importlib.import_module", broken)
    with pytest.raises(ImportError, match=r"featx\.load_model: module 'py' has no attribute 'path'"):
        from featx import load_model  # noqa: F401


def test_a_name_that_does_not_exist_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'resnet'"):
        _ = featx.resnet


def test_public_parameters_after_the_first_are_keyword_only():
    functions = (featx.evaluate_heads, featx.make_head, featx.resolve_backbone, featx.load_model, featx.as_sources)
    for function in (*functions, featx.CNNFeatureTransformer, featx.load_dataset, featx.read_image):
        kinds = [p.kind for p in inspect.signature(function).parameters.values()]
        assert sum(kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for kind in kinds) <= 2, function
