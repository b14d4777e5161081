"""Thunder: what a program wrote into a tensor before it raised is not written.

Scenario: mutation_limits/writes_before_an_exception_stay
Kind: lost effect
Seen: torch 2.12.1; thunder-jit
Root: a program is traced as a whole (thunder_general_jit in thunder/core/jit_ext.py, of Thunder 0.2.6) and
    computed then: where it raises while it is traced, nothing has been computed, and the exception comes out
    as if the operations before it had run.
Upstream: none found
"""

import contextlib

import thunder
import torch


def program(x):
    x.add_(1)
    raise ValueError("refused")


x = torch.zeros(1)
with contextlib.suppress(ValueError):
    thunder.jit(program)(x)
assert x.item() == 1, f"got {x.item()}, eager leaves 1.0"
