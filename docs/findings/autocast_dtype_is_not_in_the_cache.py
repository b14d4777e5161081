"""Code that was compiled and cached under autocast to float16 is found under autocast to bfloat16.

Scenario: autocast/ambient_dtype
Kind: wrong kind
Seen: torch 2.12.1; inductor
Root: the key of the cache of AOTAutograd holds whether any autocast is enabled, but not its dtype
    (disable_amp in torch/_functorch/_aot_autograd/autograd_cache.py); torch 2.13 has the dtype of each
    device in the key.
Upstream: none found
"""

import sys

import torch

compiled = torch.compile(torch.mm, backend=sys.argv[1])
x = torch.ones(2, 2)
for dtype in torch.float16, torch.bfloat16:
    with torch.autocast("cpu", dtype):
        got = compiled(x, x).dtype
    assert got is dtype, f"got {got}, autocast is to {dtype}"
