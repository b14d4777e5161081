"""Thunder: an attribute that a module sets in its forward keeps its old value.

Scenario: module_changes/calls_are_counted, graph_breaks/gradient_crosses_a_break
Kind: lost effect
Seen: torch 2.12.1; thunder-jit
Root: process_recorded_modifications (thunder/core/jit_ext.py, of Thunder 0.2.6) leaves out what is set on an
    object that has no proxy, such as a module, without a word. The guard on the old value holds, and each
    call is the first. The documentation calls new attributes in forward partially supported.
Upstream: none found
"""

import thunder
import torch


class Counting(torch.nn.Module):
    """Multiplies by the number of its calls."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        """The product."""
        self.calls += 1
        return x * self.calls


module = Counting()
compiled = thunder.jit(module)
got = [compiled(torch.ones(1)).item() for _ in range(3)], module.calls
assert got == ([1, 2, 3], 3), f"got {got}, eager gives [1, 2, 3] and counts 3 calls"
