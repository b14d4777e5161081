"""Thunder: a program that was called under autocast computes in bfloat16 ever after.

Scenario: threads/modes_belong_to_a_thread
Kind: wrong kind
Seen: torch 2.12.1; thunder-jit
Root: each call under autocast pushes its state on a stack (populate_cache_info in thunder/__init__.py, of
    Thunder 0.2.6) that only torch.autocast inside of a program pops: what is compiled later, for a call
    outside of autocast, is compiled as if under it.
Upstream: none found
"""

import thunder
import torch

program = thunder.jit(lambda x: x @ x)
x = torch.ones(2, 2)
with torch.autocast("cpu", dtype=torch.bfloat16):
    program(x)
got = program(x).dtype
assert got == torch.float32, f"got {got}, eager gives torch.float32"
