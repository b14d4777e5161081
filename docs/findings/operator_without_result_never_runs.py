"""An operator of a program's own that gives nothing, such as one that records, never runs.

Scenario: custom_operators/operator_without_results_runs
Kind: lost effect
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; aot_eager, inductor
Root: AOTAutograd drops from its graph each call whose result nobody uses, unless the operator's schema
    says that it writes an argument (Node.is_impure in torch/fx/node.py).
Upstream: akin to https://github.com/pytorch/pytorch/issues/187319
"""

import sys

import torch

recorded = []


@torch.library.custom_op("findings::record", mutates_args=())
def record(x: torch.Tensor) -> None:
    recorded.append(x.tolist())


@record.register_fake
def _(x):
    return None


def program(x):
    record(x)
    return x + 1


compiled = torch.compile(program, backend=sys.argv[1])
compiled(torch.ones(1))
assert recorded == [[1.0]], f"recorded {recorded}, eager records one tensor"
