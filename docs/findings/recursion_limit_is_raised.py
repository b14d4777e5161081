"""Compiling raises the recursion limit of the process, and leaves it so.

Scenario: process_state/compiling_changes_nothing_else
Kind: lifetime
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; inductor
Root: sys.setrecursionlimit(max(..., 2000)) in torch/_inductor/compile_fx.py.
Upstream: none found
"""

import sys

import torch

before = sys.getrecursionlimit()
torch.compile(lambda x: x + 1, backend=sys.argv[1])(torch.ones(1))
after = sys.getrecursionlimit()
assert after == before, f"the limit was {before}, and is {after}"
