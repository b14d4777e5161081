"""Thunder: mask.where(condition, other) takes the mask for the condition.

Scenario: selections/condition_chooses
Kind: wrong values
Seen: torch 2.12.1; thunder-jit
Root: the method where of a tensor is Thunder's function where (torchsymbol with is_method in
    thunder/torch/__init__.py, of Thunder 0.2.6), whose condition comes first: of a mask that gives other
    values; a tensor of any other dtype is refused, as it is no condition.
Upstream: none found
"""

import thunder
import torch


def program(mask, condition, other):
    return mask.where(condition, other)


mask, condition, other = torch.tensor([[True, False], [False, False], [True, True]])
got, right = (f(mask, condition, other).tolist() for f in (thunder.jit(program), program))
assert got == right, f"got {got}, eager gives {right}"
