"""TVM: the standard deviation and the variance are divided by n instead of n - 1.

Scenario: numerics/great_sums_are_exact
Kind: wrong values
Seen: torch 2.13.0; relax_dynamo
Root: _std and _var in tvm/relax/frontend/torch/base_fx_graph_translator.py, of TVM 0.27, become relax.op.std and
    relax.op.variance, which are those of a whole population; what torch corrects by default, or is asked to
    by correction or unbiased, is ignored. The deviation of 0 and 2 is the root of 2.
Upstream: https://github.com/apache/tvm/pull/19512 mends exported programs alone
"""

import sys

import torch
from torch._dynamo import register_backend
from tvm.relax.frontend.torch import relax_dynamo

register_backend(relax_dynamo(), name="relax_dynamo")

got = torch.compile(lambda x: x.std(), backend=sys.argv[1])(torch.tensor([0.0, 2.0]))
assert abs(got.item() - 2**0.5) < 1e-6, f"got {got}, the deviation is the root of 2"
