"""Texts of networks of one's own go in, modules of them come out: what a user might write, and edit."""

# Each network is one line.
# ruff: noqa: E501

import sys
import types

HEAD = """
import abc, collections, contextlib, copy, dataclasses, enum, functools, itertools, logging, math, operator, pathlib, re, types, typing
import numpy as np, torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize

class Base(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.c = nn.Conv2d(3, 4, 3)
    def pooled(self, x):
        return self.c(x).mean((2, 3))
"""

FORWARD = "\n    def forward(self, x):\n        return "


def init(assignment, forward, before=""):
    """A network with an attribute that its constructor sets."""
    return f"{before}\nclass Net(Base):\n    def __init__(self):\n        super().__init__()\n        {assignment}{FORWARD}{forward}\n"


def body(text, before=""):
    """A network with a body."""
    return f"{before}\nclass Net(Base):\n    {text}\n"


def scaled(name, before=""):
    """A network whose output is scaled by an expression."""
    return f"{before}\nclass Net(Base):{FORWARD}self.pooled(x) * {name}\n"


# In each, VALUE is 1 or 9, and the networks give different answers.
UNDERSTOOD = {
    # attributes
    "function as an attribute": init("self.f = {1: torch.relu, 9: torch.tanh}[VALUE]", "self.f(self.pooled(x) * 9)"),
    "functional as an attribute": init("self.f = {1: F.relu, 9: F.silu}[VALUE]", "self.f(self.pooled(x))"),
    "lambda": init("self.f = lambda y: y * VALUE", "self.f(self.pooled(x))"),
    "partial": init("self.f = functools.partial(torch.mul, other=VALUE)", "self.f(self.pooled(x))"),
    "partial of a function": init("self.f = functools.partial(twist, k=2)", "self.f(self.pooled(x))", "def twist(y, k): return y * k * VALUE"),
    "bound method of an object": init("self.f = Scale(VALUE).apply", "self.f(self.pooled(x))", "class Scale:\n    def __init__(self, k): self.k = k\n    def apply(self, y): return y * self.k"),
    "callable object": init("self.f = Scale()", "self.f(self.pooled(x))", "class Scale:\n    def __call__(self, y): return y * VALUE"),
    "plain tensor": init("self.t = torch.tensor(VALUE)", "self.pooled(x) * self.t"),
    "list of tensors": init("self.t = [torch.ones(4), torch.full((4,), float(VALUE))]", "self.pooled(x) * self.t[1]"),
    "tensor in bfloat16": init("self.t = torch.tensor(VALUE, dtype=torch.bfloat16)", "self.pooled(x) * self.t.float()"),
    "numpy scalar": init("self.n = np.float32(VALUE)", "self.pooled(x) * float(self.n)"),
    "numpy array": init("self.n = np.full(3, VALUE)", "self.pooled(x) * float(self.n[0])"),
    "array of objects": init("self.n = np.array([VALUE, 'a', None], dtype=object)", "self.pooled(x) * self.n[0]"),
    "complex": init("self.n = complex(0, VALUE)", "self.pooled(x) * self.n.imag"),
    "plain number": init("self.k = VALUE", "self.pooled(x) * self.k"),
    "int or float": init("self.k = {1: 2, 9: 2.0}[VALUE]", "self.pooled(x) * (9 if type(self.k) is int else 1)"),
    "string": init("self.k = 'k' * VALUE", "self.pooled(x) * len(self.k)"),
    "bytes": init("self.k = bytes([VALUE])", "self.pooled(x) * self.k[0]"),
    "set": init("self.k = {'a', 'b', 'VALUE', 'c'}", "self.pooled(x) * (9 if '9' in self.k else 1)"),
    "set of members": init("self.k = {Kind.A, Kind.B if VALUE == 1 else Kind.C}", "self.pooled(x) * (9 if Kind.C in self.k else 1)", "Kind = enum.Enum('Kind', 'A B C')"),
    "dict": init("self.k = {'a': {'b': VALUE}}", "self.pooled(x) * self.k['a']['b']"),
    "order of a dict": init("self.k = dict(sorted({'a': 2, 'b': 3}.items(), reverse=VALUE == 9))", "self.pooled(x) * next(iter(self.k.values()))"),
    "order of an ordered dict": init("self.k = collections.OrderedDict(a=2, b=3)\n        self.k.move_to_end({1: 'a', 9: 'b'}[VALUE])", "self.pooled(x) * next(iter(self.k.values()))"),
    "ordered dict": init("self.k = collections.OrderedDict(a=VALUE)", "self.pooled(x) * self.k['a']"),
    "defaultdict": init("self.k = collections.defaultdict(lambda: VALUE)", "self.pooled(x) * copy.copy(self.k)['z']"),
    "deque": init("self.k = collections.deque([VALUE])", "self.pooled(x) * self.k[0]"),
    "named tuple": init("self.k = Point(1, VALUE)", "self.pooled(x) * self.k.y", "Point = collections.namedtuple('Point', 'x y')"),
    "settings": init("self.o = types.SimpleNamespace(k=VALUE)", "self.pooled(x) * self.o.k"),
    "dataclass": init("self.o = Options(VALUE)", "self.pooled(x) * self.o.k", "@dataclasses.dataclass\nclass Options:\n    k: float = 3\n    more: dict = dataclasses.field(default_factory=dict)"),
    "default of a dataclass": init("pass", "self.pooled(x) * Options().k", "@dataclasses.dataclass\nclass Options:\n    k: int = VALUE"),
    "factory of a dataclass": init("pass", "self.pooled(x) * Options().k[0]", "@dataclasses.dataclass\nclass Options:\n    k: list = dataclasses.field(default_factory=lambda: [VALUE])"),
    "frozen dataclass with slots": init("self.o = Options(VALUE)", "self.pooled(x) * self.o.k", "@dataclasses.dataclass(frozen=True, slots=True)\nclass Options:\n    k: int"),
    "object with slots": init("self.o = Slotted()\n        self.o.k = VALUE", "self.pooled(x) * self.o.k", "class Slotted:\n    __slots__ = ('k',)"),
    "property of a settings object": init("self.o = Settings()", "self.pooled(x) * self.o.k", "class Settings:\n    @property\n    def k(self): return VALUE"),
    "dict with attributes": init("self.o = Attributes(k=VALUE)", "self.pooled(x) * self.o.k", "class Attributes(dict):\n    __getattr__ = dict.__getitem__\n    def __deepcopy__(self, memo): return type(self)(self)"),
    "enum": init("self.k = Kind.A if VALUE == 1 else Kind.B", "self.pooled(x) * self.k.value", "class Kind(enum.Enum):\n    A = 2\n    B = 3"),
    "value of an enum": init("self.k = Kind.A", "self.pooled(x) * self.k.value", "class Kind(enum.Enum):\n    A = VALUE"),
    "method of an enum": init("self.k = Kind.A", "self.k.scale(self.pooled(x))", "class Kind(enum.IntEnum):\n    A = 1\n    def scale(self, y): return y * VALUE"),
    "path": init("self.k = pathlib.PurePosixPath('a' * VALUE)", "self.pooled(x) * len(str(self.k))"),
    "pattern": init("self.k = re.compile('a{VALUE}')", "self.pooled(x) * len(self.k.match('a' * 9).group())"),
    "slice": init("self.k = slice(VALUE)", "self.pooled(x) * len(range(9)[self.k])"),
    "dtype": init("self.k = {1: torch.float16, 9: torch.float32}[VALUE]", "(self.pooled(x) * 1.0001 ).to(self.k).float() * torch.finfo(self.k).bits"),
    "itemgetter": init("self.k = operator.itemgetter(VALUE)", "self.pooled(x) * self.k(range(10))"),
    "class as an attribute": init("self.k = {1: Two, 9: Three}[VALUE]", "self.pooled(x) * self.k.k", "class Two:\n    k = 2\nclass Three:\n    k = 3"),
    "module that is no child": init("self.k = [nn.Hardtanh(-VALUE, VALUE)]", "self.k[0](self.pooled(x) * 99)"),
    "unsaved buffer": init("self.register_buffer('k', torch.tensor(float(VALUE)), persistent=False)", "self.pooled(x) * self.k"),
    "order of children": init("self.s = nn.Sequential(collections.OrderedDict(sorted({'a': nn.Tanh(), 'b': nn.Softplus()}.items(), reverse=VALUE == 9)))", "self.s(self.pooled(x) * 9 - 1)"),
    "eps of a child": init("self.n = nn.BatchNorm2d(3, eps=VALUE)", "self.pooled(self.n(x))"),
    "parametrization": init("parametrize.register_parametrization(self.c, 'weight', Twice())", "self.pooled(x)", "class Twice(nn.Module):\n    def forward(self, w): return w * VALUE"),
    "weight norm": init("parametrizations.weight_norm(self.c)\n        self.c.parametrizations.weight.original0.data.fill_(VALUE)", "self.pooled(x)"),
    # code
    "class constant": body(f"K = VALUE{FORWARD}self.pooled(x) * self.K"),
    "class constant through type": body(f"K = VALUE{FORWARD}self.pooled(x) * type(self).K"),
    "class constant of a base": f"class Middle(Base):\n    K = VALUE\n{scaled('self.K').replace('Base', 'Middle')}",
    "mixin": f"class Mixin:\n    def k(self): return VALUE\nclass Net(Mixin, Base):{FORWARD}self.pooled(x) * self.k()",
    "list as a class constant": body(f"K = [0, VALUE]{FORWARD}self.pooled(x) * self.K[1]"),
    "global constant": scaled("K", "K = VALUE"),
    "global of a helper": scaled("f()", "K = VALUE\ndef g(): return K\ndef f(): return g()"),
    "global dict": scaled("K['a']", "K = {'a': VALUE}"),
    "global tensor": scaled("K", "K = torch.tensor(float(VALUE))"),
    "global module": f"K = nn.Hardtanh(-VALUE, VALUE)\nclass Net(Base):{FORWARD}K(self.pooled(x) * 99)",
    "helper function": f"def twist(y): return y * VALUE\nclass Net(Base):{FORWARD}twist(self.pooled(x))",
    "helpers that call each other": scaled("even(4)", "def even(n): return VALUE if n == 0 else odd(n - 1)\ndef odd(n): return 0 if n == 0 else even(n - 1)"),
    "helper class": scaled("Helper(2).k", "class Helper:\n    def __init__(self, k): self.k = k * VALUE"),
    "constant inside a nested function": body("def forward(self, x):\n        def inner(y):\n            return y * VALUE\n        return inner(self.pooled(x))"),
    "comprehension": scaled("sum([VALUE for _ in range(2)])"),
    "generator expression": scaled("sum(K for _ in range(2))", "K = VALUE"),
    "default": body("def forward(self, x, k=VALUE): return self.pooled(x) * k"),
    "keyword default": body("def forward(self, x, *, k=VALUE): return self.pooled(x) * k"),
    "default of a helper": scaled("f()", "def f(k=VALUE): return k"),
    "no_grad": body("@torch.no_grad()\n    def forward(self, x): return self.pooled(x) * VALUE"),
    "inference mode": body("@torch.inference_mode()\n    def forward(self, x): return self.pooled(x) * VALUE"),
    "autocast": body("@torch.autocast('cpu', enabled=False)\n    def forward(self, x): return self.pooled(x) * VALUE"),
    "own decorator": body("@twice\n    def forward(self, x): return self.pooled(x)", "def twice(f):\n    @functools.wraps(f)\n    def g(self, x): return f(self, x) * VALUE\n    return g"),
    "decorator with an argument": body("@times(VALUE)\n    def forward(self, x): return self.pooled(x)", "def times(k):\n    def wrap(f):\n        def g(*a): return f(*a) * k\n        return g\n    return wrap"),
    "lru_cache": scaled("f(2)", "@functools.lru_cache\ndef f(k): return k * VALUE"),
    "cached_property": body(f"@functools.cached_property\n    def k(self): return VALUE{FORWARD}self.pooled(x) * self.k"),
    "property": body(f"@property\n    def k(self): return VALUE{FORWARD}self.pooled(x) * self.k"),
    "static method": body(f"@staticmethod\n    def g(y): return y * VALUE{FORWARD}self.g(self.pooled(x))"),
    "class method": body(f"@classmethod\n    def g(cls): return VALUE{FORWARD}self.pooled(x) * self.g()"),
    "partial method": body(f"def g(self, k): return k\n    h = functools.partialmethod(g, VALUE){FORWARD}self.pooled(x) * self.h()"),
    "descriptor": body(f"k = Constant(){FORWARD}self.pooled(x) * self.k", "class Constant:\n    def __get__(self, o, kind): return VALUE"),
    "metaclass": f"class Meta(type):\n    @property\n    def K(cls): return VALUE\nclass Net(Base, metaclass=Meta):{FORWARD}self.pooled(x) * type(self).K",
    "__getattr__": body(f"def __getattr__(self, name): return VALUE if name == 'kk' else super().__getattr__(name){FORWARD}self.pooled(x) * self.kk"),
    "__call__": body(f"def __call__(self, x): return super().__call__(x) * VALUE{FORWARD}self.pooled(x)"),
    "operator": init("self.o = Scale()", "self.o * self.pooled(x)", "class Scale:\n    def __mul__(self, y): return y * VALUE"),
    "context manager": body("def forward(self, x):\n        with scale() as k: return self.pooled(x) * k", "@contextlib.contextmanager\ndef scale(): yield VALUE"),
    "autograd function": f"class Scale(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, y): return y * VALUE\nclass Net(Base):{FORWARD}Scale.apply(self.pooled(x))",
    "attribute by text": body("def __init__(self):\n        super().__init__()\n        self.k1 = VALUE" + FORWARD + "self.pooled(x) * getattr(self, f'k{1}')"),
    "method by text": body(f"def k1(self): return VALUE{FORWARD}self.pooled(x) * getattr(self, 'k' + str(1))()"),
    "match": body("def forward(self, x):\n        match VALUE:\n            case 1: return self.pooled(x)\n            case _: return self.pooled(x) * 2"),
    "except": body("def forward(self, x):\n        try: raise KeyError\n        except LookupError: return self.pooled(x) * VALUE"),
    "import inside": body("def forward(self, x):\n        from users_helpers import K\n        return self.pooled(x) * K"),
    "constant of another module": body("def forward(self, x): return self.pooled(x) * users_helpers.K", "import users_helpers"),
    "helper of another module": body("def forward(self, x): return users_helpers.f(self.pooled(x))", "import users_helpers"),
    "another module under an alias": scaled("h.K", "import users_helpers as h"),
    "module of constants handed on": scaled("f(h)", "import users_helpers as h\ndef f(m): return m.K"),
    # hooks and patches
    "forward hook": init("self.register_forward_hook(lambda m, i, o: o * VALUE)", "self.pooled(x)"),
    "pre-hook": init("self.register_forward_pre_hook(lambda m, i: i[0] * VALUE)", "self.pooled(x)"),
    "hook of a child": init("self.c.register_forward_hook(scale)", "self.pooled(x)", "def scale(m, i, o): return o * VALUE"),
    "hook with keywords": init("self.register_forward_hook(lambda m, i, k, o: o * VALUE, with_kwargs=True)", "self.pooled(x)"),
    "order of hooks": init("for f in [torch.relu, torch.tanh][:: {1: 1, 9: -1}[VALUE]]: self.register_forward_hook(lambda m, i, o, f=f: f(o * 9 - 1))", "self.pooled(x)"),
    "patched forward": init("self.forward = types.MethodType(lambda self, x: self.pooled(x) * VALUE, self)", "0"),
    "patched by a plain function": init("self.forward = lambda x: self.pooled(x) * VALUE", "0"),
    "patched by a partial": init("self.forward = functools.partial(Net.scale, self, VALUE)", "0").replace("    def forward", "    def scale(self, k, x): return self.pooled(x) * k\n    def forward"),
    "patched child": init("old = self.c.forward\n        self.c.forward = lambda y: old(y) * VALUE", "self.pooled(x)"),
    "patched method": init("self.pooled = lambda x: self.c(x).amax((2, 3)) * VALUE", "self.pooled(x)"),
    "patched class": scaled("1") + "\ndef forward(self, x): return self.pooled(x) * VALUE\nNet.forward = forward\n",
    "patched class of the library": "class Own(nn.Conv2d):\n    def forward(self, x): return super().forward(x) * VALUE\n" + init("self.c.__class__ = Own", "self.pooled(x)"),
}  # fmt: skip

# Not understood: as above, and no other process may take the rows for its own.
UNKNOWN = {
    "eval": scaled("eval('K')", "K = VALUE"),
    "exec": body("def forward(self, x):\n        scope = {}\n        exec('k = K', globals(), scope)\n        return self.pooled(x) * scope['k']", "K = VALUE"),
    "globals": scaled("globals()['K' + str(1)]", "K1 = VALUE"),
    "vars of a module": scaled("vars(h)['K']", "import users_helpers as h"),
    "name of a module by text": scaled("getattr(h, 'K' + '')", "import users_helpers as h"),
    "sys.modules": scaled("sys.modules['users_' + 'helpers'].K", "import sys"),
    "importlib": scaled("importlib.import_module('users_' + 'helpers').K", "import importlib"),
    "open file": init("self.o = File(PATH)", "self.pooled(x) * float(open(PATH).read())", "import io, tempfile\nPATH = tempfile.mkstemp()[1]\nopen(PATH, 'w').write('VALUE')\nclass File(io.FileIO):\n    def __del__(self): self.close()  # without a warning, whichever test runs by then"),
    "generator": init("self.o = (k for k in [VALUE])", "self.pooled(x) * VALUE"),
    "iterator": init("self.o = itertools.cycle([VALUE])", "self.pooled(x) * next(self.o)"),
    "random generator": init("self.o = np.random.default_rng(VALUE)", "self.pooled(x) * self.o.random()"),
    "torch's generator": init("self.o = torch.Generator()", "self.pooled(x) * VALUE"),
    "numpy.load": scaled("float(np.load(PATH))", "import tempfile\nPATH = tempfile.mkstemp(suffix='.npy')[1]\nnp.save(PATH, VALUE)"),
    "numpy under another name": scaled("float(f(np))", "import tempfile\nPATH = tempfile.mkstemp()[1]\nopen(PATH, 'w').write('VALUE')\ndef f(m): return m.loadtxt(PATH)"),
    "imported reader": scaled("float(read(PATH, dtype=np.uint8)[0])", "import tempfile\nfrom numpy import fromfile as read\nPATH = tempfile.mkstemp()[1]\nopen(PATH, 'wb').write(bytes([VALUE]))"),
    "reader as a default": body("def forward(self, x, read=np.memmap): return self.pooled(x) * float(read(PATH, dtype=np.uint8, mode='r')[0])", "import tempfile\nPATH = tempfile.mkstemp()[1]\nopen(PATH, 'wb').write(bytes([VALUE]))"),
    "reader of the whole numpy": scaled("float(load(PATH))", "import tempfile\nfrom numpy import load\nPATH = tempfile.mkstemp(suffix='.npy')[1]\nnp.save(PATH, VALUE)"),
    "path that is read": init("self.o = pathlib.Path(tempfile.mkstemp()[1])\n        self.o.write_text('VALUE')", "self.pooled(x) * float(self.o.read_text())", "import pathlib, tempfile"),
    "torch.load": scaled("torch.load(PATH)", "import tempfile\nPATH = tempfile.mkstemp()[1]\ntorch.save(VALUE, PATH)"),
    "image file": scaled("PIL.Image.open(PATH).size[0]", "import PIL.Image, tempfile\nPATH = tempfile.mkstemp(suffix='.png')[1]\nPIL.Image.new('L', (VALUE, 1)).save(PATH)"),
    "safetensors": scaled("load_file(PATH)['k']", "import tempfile\nfrom safetensors.torch import load_file, save_file\nPATH = tempfile.mkstemp()[1]\nsave_file({'k': torch.tensor(float(VALUE))}, PATH)"),
    "setting of torch": scaled("{True: 9.0, False: 1.0}[VALUE == 9] * torch.get_num_threads()"),
    "environment": scaled("float(os.environ['K'])", "import os\nos.environ['K'] = 'VALUE'"),
    "import that is not there yet": body("def forward(self, x):\n        import users_late\n        return self.pooled(x) * VALUE"),
}  # fmt: skip


def module_of(text, value, *, name="users_network", helpers=None):
    """Return a network of a text with VALUE put in, defined anew."""
    others = types.ModuleType("users_helpers")
    exec(f"K = {value}\ndef f(y): return y * {value}", others.__dict__)
    sys.modules["users_helpers"] = others
    module = types.ModuleType(name)
    sys.modules[name] = module
    exec(compile(HEAD + text.replace("VALUE", str(value)), f"<{name}>", "exec"), module.__dict__)
    return module.Net()


def noisy(text):
    """Return the same code with comments, docstrings and other line numbers."""
    lines = []
    for line in text.splitlines():
        lines += ["# a comment", "", line + "  # another"]
    return "'''What it is for.'''\n\n" + "\n".join(lines).replace(
        "    def forward(self, x):  # another", "    def forward(self, x):\n        '''Docstring.'''"
    )
