"""OpenVINO: attention of a word that may look at none is NaN, where torch gives zeros.

Scenario: attention/attention_is_inferred
Kind: wrong values
Seen: torch 2.13.0; openvino
Root: the mask becomes minus infinity in every place of the row before softmax, which divides zero by zero; torch
    gives such a row zeros. It comes with EXECUTION_MODE_HINT=ACCURACY, which has float32 computed as such
    (OpenVINO 2026.4.1).
Upstream: https://github.com/openvinotoolkit/openvino/issues/35959
"""

import sys

import openvino.torch  # noqa: F401 - registers the backend
import torch
from torch.nn.functional import scaled_dot_product_attention

options = {"config": {"EXECUTION_MODE_HINT": "ACCURACY"}}
compiled = torch.compile(scaled_dot_product_attention, backend=sys.argv[1], options=options)
words = torch.ones(1, 1, 2, 8)
allowed = torch.tensor([[True, True], [False, False]])
got, right = (
    f(words, words, words, attn_mask=allowed) for f in (compiled, scaled_dot_product_attention)
)
assert torch.equal(got, right), f"got {got[0, 0, 1, 0]}, eager gives {right[0, 0, 1, 0]}"
