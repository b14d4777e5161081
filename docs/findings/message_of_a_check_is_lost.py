"""The message of a torch._check that depends on data is lost.

Scenario: data_dependent/broken_check_raises
Kind: error
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: the check becomes an assertion of the graph, whose message is made from the symbolic expression.
Upstream: https://github.com/pytorch/pytorch/issues/150063
"""

import sys

import torch
import torch._dynamo

torch._dynamo.config.capture_scalar_outputs = True


def program(x):
    n = x.max().item()
    torch._check(n < 5, lambda: "the number is too great")
    return x * n


compiled = torch.compile(program, backend=sys.argv[1], fullgraph=True)
compiled(torch.tensor([2, 2]))
try:
    said = f"nothing, and gave {compiled(torch.tensor([7, 7]))}"
except RuntimeError as error:
    said = str(error)
assert "the number is too great" in said, f"said {said}"
