"""Thunder: a function that takes the place of another as an argument is not seen.

Scenario: recompiles/call_method_is_rebound
Kind: wrong values
Seen: torch 2.12.1; thunder-jit
Root: what can be called is followed while the program is traced and not guarded
    (_general_jit_wrap_callback in thunder/core/jit_ext.py, of Thunder 0.2.6), neither its code nor its
    class nor its identity.
Upstream: none found
"""

import thunder
import torch


def program(x, step):
    return step(x)


compiled = thunder.jit(program)
x = torch.zeros(1)
for step in (lambda x: x + 1), (lambda x: x - 1):
    got, right = compiled(x, step), program(x, step)
    assert torch.equal(got, right), f"got {got}, eager gives {right}"
