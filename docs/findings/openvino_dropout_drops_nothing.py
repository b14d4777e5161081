"""OpenVINO: dropout while training drops nothing, and gives the first row of its argument.

Scenario: randomness/gradient_follows_the_mask
Kind: wrong values
Seen: torch 2.13.0; openvino
Root: native_dropout counts as supported and is left out (skip_node in src/frontends/pytorch/src/op_table.cpp, of
    OpenVINO 2026.4.1); it has two results, and what is taken for the first of them is the first row of its
    argument. The option aot_autograd is the one that its documentation gives for training.
Upstream: none found
"""

import sys

import openvino.torch  # noqa: F401 - registers the backend
import torch

options = {"aot_autograd": True} if sys.argv[1] == "openvino" else None
compiled = torch.compile(
    lambda x: torch.nn.functional.dropout(x * 2, 0.5), backend=sys.argv[1], options=options
)
got = compiled(torch.ones(2, 50, requires_grad=True))
assert got.shape == (2, 50), f"got the shape {tuple(got.shape)}, the argument has (2, 50)"
assert set(got.flatten().tolist()) == {0, 4}, f"got {got}, eager gives nothing or the double"
