"""A tensor that is marked as negative, such as the imaginary part of a conjugate, is read with the wrong
sign.

Scenario: tensor_properties/negative_view_is_passed
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; inductor
Root: the kernels of Inductor read the memory of their inputs as it is; the mark, which eager resolves
    when it reads, is neither resolved before the call nor compiled in. The imaginary part of the
    conjugate of 1 + 2i is -2.
Upstream: none found
"""

import sys

import torch

compiled = torch.compile(lambda x: x + 1, backend=sys.argv[1])
x = torch.tensor([1 + 2j]).conj().imag
got = compiled(x)
assert got.item() == -1, f"got {got} from {x} + 1"
