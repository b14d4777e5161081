"""Thunder: code compiled for None serves every other value, and so it is with entries of a dict.

Scenario: objects/attribute_is_changed, containers/containers_differ
Kind: wrong values
Seen: torch 2.12.1; thunder-jit
Root: the prologue guards tensors, numbers, strings, slices and devices (proxify and
    _general_jit_wrap_callback in thunder/core/jit_ext.py, of Thunder 0.2.6); None, dtypes, the length of a
    container and whether a key is in it are read while the program is traced.
Upstream: none found
"""

import thunder
import torch


def shift(x, by):
    return x if by is None else x + by


def count(x, table):
    return x + len(table)


x = torch.zeros(1)
for program, first, other in (shift, None, torch.ones(1)), (count, {}, {"a": 1}):
    compiled = thunder.jit(program)
    compiled(x, first)
    got, right = compiled(x, other), program(x, other)
    assert torch.equal(got, right), f"got {got}, eager gives {right}"
