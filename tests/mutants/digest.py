"""Digests of what a definition is made of, so that only what has changed is run again. Near side.

Knows how to read Python. Must not run what it reads.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path


def digest(text: str) -> str:
    """A short digest of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def source(file: Path, name: str) -> str:
    """The source of a top-level definition with that of all it refers to, in its module and in modules beside it."""
    found: dict[tuple[Path, str], str] = {}
    _collect(file, name, found)
    return "\n".join(found[key] for key in sorted(found))


def _collect(file: Path, name: str, found: dict[tuple[Path, str], str]) -> None:
    if (file, name) in found:
        return
    definitions, imports = _read(file)
    if name in imports:
        _collect(imports[name], name, found)
    elif name in definitions:
        text, used = definitions[name]
        found[file, name] = text
        for each in used:
            _collect(file, each, found)


@functools.cache
def _read(file: Path) -> tuple[Mapping[str, tuple[str, frozenset[str]]], Mapping[str, Path]]:
    """The definitions of a module by name, with the names that they use, and where names from beside come from."""
    text = file.read_text(encoding="utf-8")
    definitions: dict[str, tuple[str, frozenset[str]]] = {}
    imports: dict[str, Path] = {}
    for node in ast.parse(text).body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mutants."):
            beside = file.parent / f"{str(node.module).partition('.')[2]}.py"
            imports |= {alias.name: beside for alias in node.names}
        for name in _defines(node):
            used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
            definitions[name] = (ast.unparse(node), frozenset(used - {name}))
    return definitions, imports


def _defines(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Assign):
        yield from (each.id for each in node.targets if isinstance(each, ast.Name))
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        yield node.target.id
