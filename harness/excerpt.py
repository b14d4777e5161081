"""Excerpts: as much of some modules as a few of their functions need, as source text. Near side.

Knows which names a definition refers to. Must not import what it reads, nor know what the excerpt is for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

#: What speaks to tools that check this project, not to readers of an excerpt.
_FOR_TOOLS = re.compile(r"[ \t]+# (?:noqa|type: ignore)\b.*$", re.MULTILINE)

#: What wraps a scenario's body; an excerpt has the body alone.
_DECLARATION = "scenario"


@dataclass(frozen=True, slots=True)
class _Piece:
    """A statement of a module, or a method of one of its classes.

    Attributes:
        node: its syntax tree.
        first, last: its rows, from 1, with the comment above it.
        names: what it binds.
        methods: those of its methods that are left out unless somebody here calls one of that name.
    """

    node: ast.stmt
    first: int
    last: int
    names: frozenset[str]
    methods: tuple[_Piece, ...] = ()


@dataclass(slots=True)
class _Module:
    rows: list[str]
    pieces: list[_Piece]
    imports: dict[str, ast.alias] = field(default_factory=dict)
    origins: dict[str, str | None] = field(default_factory=dict)


def excerpt(
    modules: Mapping[str, str],
    wanted: Iterable[tuple[str, str]],
    *,
    annotations: bool = False,
) -> dict[str, str]:
    """The parts of modules that some names need, directly or not.

    What is looked up by a string alone is not found: name it.

    Args:
        modules: dotted name to source text; what these import from each other is followed.
        wanted: pairs of module and name.
        annotations: whether what only annotations name is needed too: for readers, not for Python.

    Returns:
        dotted name to text, in the order given, for the modules that are needed at all.

    Raises:
        KeyError: a wanted name is not defined in its module.
    """
    read = {name: _read(text) for name, text in modules.items()}
    return _Choice(read, annotations=annotations).of(wanted)


def defined(text: str) -> list[str]:
    """The names that a module defines, private ones too, in their order."""
    return [name for piece in _read(text).pieces for name in sorted(piece.names)]


class _Choice:
    def __init__(self, modules: Mapping[str, _Module], *, annotations: bool) -> None:
        self._passed = () if annotations else ("annotation", "returns")
        self._modules = modules
        self._attributes: set[str] = set()
        self._kept: dict[str, set[int]] = {name: set() for name in modules}
        self._imported: dict[str, set[str]] = {name: set() for name in modules}

    def of(self, wanted: Iterable[tuple[str, str]]) -> dict[str, str]:
        for module, name in wanted:
            if not self._keep(module, name):
                raise KeyError(f"{module} defines no {name}")
        before = -1
        while (now := sum(map(len, self._kept.values()))) != before:  # a method may call others
            before = now
            for module in self._modules:
                self._keep_methods(module)
        return {
            name: self._text(name, module)
            for name, module in self._modules.items()
            if self._kept[name]
        }

    def _keep(self, module: str, name: str) -> bool:
        """Keep what binds a name; whether anything of ours does."""
        found = [each for each in self._modules[module].pieces if name in each.names]
        for piece in found:
            self._add(module, piece)
        return bool(found)

    def _add(self, module: str, piece: _Piece) -> None:
        if id(piece) in self._kept[module]:
            return
        first = not self._kept[module]
        self._kept[module].add(id(piece))
        left_out = {id(method.node) for method in piece.methods}
        self._follow(module, piece.node, left_out)
        for other in self._modules[module].pieces if first else ():
            if not other.names:  # a statement that binds nothing is there for its effect
                self._add(module, other)

    def _keep_methods(self, module: str) -> None:
        for piece in self._modules[module].pieces:
            for method in piece.methods if id(piece) in self._kept[module] else ():
                if method.names & self._attributes:
                    self._add(module, method)

    def _follow(self, module: str, node: ast.AST, left_out: set[int]) -> None:
        own = self._modules[module]
        for each in _evaluated(node, left_out, self._passed):
            if isinstance(each, ast.Attribute):
                self._attributes.add(each.attr)
                base = each.value.id if isinstance(each.value, ast.Name) else ""
                if (target := own.origins.get(base)) in self._modules:
                    assert target is not None
                    self._keep(target, each.attr)
            elif isinstance(each, ast.Name):
                self._keep(module, each.id)
                self._use(module, each.id)

    def _use(self, module: str, name: str) -> None:
        own = self._modules[module]
        if name not in own.imports:
            return
        self._imported[module].add(name)
        origin, alias = own.origins[name], own.imports[name]
        if origin is not None and origin in self._modules and origin != alias.name:
            self._keep(origin, alias.name)

    def _text(self, name: str, module: _Module) -> str:
        parts = ["from __future__ import annotations", *self._import_rows(name)]
        text = "\n".join(parts) + "\n"
        before: ast.stmt | None = None
        for piece in module.pieces:
            if id(piece) not in self._kept[name]:
                continue
            block = isinstance(piece.node, ast.FunctionDef | ast.ClassDef)
            blocks = block or isinstance(before, ast.FunctionDef | ast.ClassDef)
            text += ("\n\n" if blocks else "\n" if before is None else "") + self._rows(
                name, module, piece
            )
            before = piece.node
        return _FOR_TOOLS.sub("", text)

    def _import_rows(self, name: str) -> list[str]:
        module = self._modules[name]
        plain: list[str] = []
        members: dict[str, list[str]] = {}
        for bound in self._imported[name]:
            alias, origin = module.imports[bound], module.origins[bound]
            as_ = f" as {alias.asname}" if alias.asname else ""
            package, _, member = alias.name.rpartition(".")
            if origin is None:
                plain.append(f"import {alias.name}{as_}")
            elif origin == alias.name:
                members.setdefault(package, []).append(f"{member}{as_}")
            else:
                members.setdefault(origin, []).append(f"{alias.name}{as_}")
        return sorted(plain) + [
            f"from {origin} import {', '.join(sorted(found))}"
            for origin, found in sorted(members.items())
        ]

    def _rows(self, name: str, module: _Module, piece: _Piece) -> str:
        gone = {
            row
            for method in piece.methods
            if id(method) not in self._kept[name]
            for row in range(method.first, method.last + 1)
        }
        rows = [row for row in range(piece.first, piece.last + 1) if row not in gone]
        text = "\n".join(module.rows[row - 1] for row in rows)
        return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"


@lru_cache(maxsize=4)  # many scenarios of one module are asked for in turn
def _read(text: str) -> _Module:
    tree = ast.parse(text)
    rows = text.splitlines()
    made = _Module(rows, [])
    for node in _statements(tree):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                _bind(made, alias, node.module or "")
        elif isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                made.imports[bound], made.origins[bound] = alias, None
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            made.pieces.append(_piece(node, rows))
    return made


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements of a module; what is imported for type checkers is one of them."""
    for node in tree.body:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name):
            yield from node.body if node.test.id == "TYPE_CHECKING" else [node]
        else:
            yield node


def _bind(module: _Module, alias: ast.alias, origin: str) -> None:
    """Note a `from origin import alias`; of our packages, modules are imported so as well."""
    if origin == "__future__":
        return
    bound = alias.asname or alias.name
    if origin in ("harness", "conformance"):
        whole = f"{origin}.{alias.name}"
        module.imports[bound] = ast.alias(whole, alias.asname)
        module.origins[bound] = whole
    else:
        module.imports[bound], module.origins[bound] = alias, origin


def _piece(node: ast.stmt, rows: Sequence[str]) -> _Piece:
    first = min([node.lineno, *(each.lineno for each in _decorators(node))])
    if _declared(node):
        first = node.lineno
    while first > 1 and rows[first - 2].lstrip().startswith("#"):
        first -= 1
    methods: tuple[_Piece, ...] = ()
    if isinstance(node, ast.ClassDef):
        methods = tuple(
            _piece(each, rows)
            for each in node.body
            if isinstance(each, ast.FunctionDef) and re.match("_[^_]", each.name)
        )
    return _Piece(node, first, node.end_lineno or node.lineno, frozenset(_bound(node)), methods)


def _decorators(node: ast.stmt) -> Sequence[ast.expr]:
    return node.decorator_list if isinstance(node, ast.FunctionDef | ast.ClassDef) else ()


def _declared(node: ast.stmt) -> bool:
    """Whether a function is a scenario's body."""
    return any(
        isinstance(each, ast.Call)
        and isinstance(each.func, ast.Name)
        and each.func.id == _DECLARATION
        for each in _decorators(node)
    )


def _bound(node: ast.stmt) -> Iterator[str]:
    """The names that a statement at the top of a module binds."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
        return
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            yield each.id


def _evaluated(
    node: ast.AST, left_out: set[int], passed: Collection[str], own: frozenset[str] = frozenset()
) -> Iterator[ast.AST]:
    """Every node that matters of a piece: not the fields that are passed over, no declaration of a scenario.

    What is in `own`, the parameters of the functions around a node, is no name of the module.
    """
    if isinstance(node, ast.Name) and node.id in own:
        return
    yield node
    within = own
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        within = own | {each.arg for each in ast.walk(node.args) if isinstance(each, ast.arg)}
    for name, value in ast.iter_fields(node):
        if name in passed or (
            name == "decorator_list" and isinstance(node, ast.stmt) and _declared(node)
        ):
            continue
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, ast.AST) and id(each) not in left_out:
                yield from _evaluated(each, left_out, passed, within if name == "body" else own)
