"""A program that was compiled ahead of time for a marked dimension refuses a marked argument once it is
loaded.

Scenario: ahead_of_time_guards/marked_dimension_round_trip
Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Shows: RuntimeError
Root: guards are saved with their example tensors, which are pickled as empty_like(device=meta)
    (GuardsStatePickler in torch/_dynamo/guards.py): the marks of dimensions, attributes of the tensor,
    are lost, and the guard that is built on load demands that no tensor is marked.
Upstream: https://github.com/pytorch/pytorch/pull/195350
"""

import sys
from pathlib import Path

import torch
import torch._dynamo


def program(x):
    return x + 1


def marked(rows):
    x = torch.ones(rows, 4)
    torch._dynamo.mark_dynamic(x, 0)
    return x


path = Path("program.pt")
compiled = torch.compile(program, backend=sys.argv[1], fullgraph=True)
ready = compiled.aot_compile(((marked(3),), {}))
ready(marked(6))
ready.save_compiled_function(str(path))
with path.open("rb") as file:
    loaded = torch.compiler.load_compiled_function(file)
loaded(torch.ones(5, 4))
loaded(marked(6))
