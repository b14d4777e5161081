"""IREE: where an argument is of a subclass of Tensor, the only result of a graph is cut down to its first number.

Scenario: subclass_contents/factor_of_the_call_counts
Kind: wrong values
Seen: torch 2.13.0; turbine_cpu
Root: Launchable.__call__ (iree/turbine/runtime/launch.py, iree-turbine 3.9.0) gives back a tensor, and not a
    list of one, where a graph has one result, and AOTAutograd's wrapper for subclasses takes its first row.
Upstream: none found
"""

import sys

import torch


class Wrapped(torch.Tensor):
    """Stands for what it holds."""

    @staticmethod
    def __new__(cls, held):
        made = torch.Tensor._make_wrapper_subclass(cls, held.shape, dtype=held.dtype)
        made.held = held
        return made

    def __tensor_flatten__(self):
        return ["held"], None

    @staticmethod
    def __tensor_unflatten__(parts, *_):
        return Wrapped(parts["held"])

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        plain = [each.held if isinstance(each, cls) else each for each in args]
        result = func(*plain, **(kwargs or {}))
        return cls(result) if func is torch.ops.aten.detach.default else result


x = torch.arange(1.0, 4.0)
got = torch.compile(lambda wrapped: wrapped * 2, backend=sys.argv[1])(Wrapped(x))
right = x * 2
assert got.shape == right.shape, f"got {got}, eager gives {right}"
assert torch.equal(got, right), f"got {got}, eager gives {right}"
