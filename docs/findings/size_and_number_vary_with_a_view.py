"""A program that writes a view, and is passed its base and a number, cannot be compiled once the number
and then a size have varied.

Scenario: graph_breaks/variables_outlive_a_break
Kind: refused
Seen: torch 2.13.0, 2.14.1; aot_eager, inductor
Root: AOTAutograd rebuilds both tensors from one base and guards on a symbol for which no argument stands
    (produce_guards_verbose in torch/fx/experimental/symbolic_shapes.py): "sources must not be empty".
    Fixed in 2.15.0.
Upstream: none found
"""

import sys

import torch


def program(x, part, n):
    y = x + n
    part.add_(1)
    return x * 1, y


compiled = torch.compile(program, backend=sys.argv[1])
for size, n in (3, 1), (3, 2), (4, 2):
    x = torch.ones(size)
    compiled(x, x[1:], n)
