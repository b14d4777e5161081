"""OpenVINO: sizes of a tensor that are made into tensors are numbers of foreign memory.

Scenario: layers/pictures_are_resized
Kind: wrong values
Seen: torch 2.13.0; openvino
Root: a size among the inputs of a part is an int for InferRequest.infer, and the tensor made of it (value_to_tensor in
    openvino/utils/data_helpers/data_dispatcher.py, of OpenVINO 2026.4.1) is gone when infer is over; where a part
    passes the size on as it is, its result is that memory (share_outputs in openvino_execute,
    openvino/frontend/pytorch/torchdynamo/execute.py). The option aot_autograd is the one that its documentation gives
    for dynamic shapes.
Upstream: none found
"""

import sys

import openvino.torch  # noqa: F401 - registers the backend
import torch


def program(x: torch.Tensor) -> torch.Tensor:
    """Each number, times the number of rows for each column."""
    return x * (torch.scalar_tensor(x.shape[0]) / torch.scalar_tensor(x.shape[1]))


options = {"aot_autograd": True} if sys.argv[1] == "openvino" else None
compiled = torch.compile(program, backend=sys.argv[1], options=options, dynamic=True)
for rows in 4, 6, 9:
    x = torch.ones(rows, rows + 1)
    got, right = compiled(x), program(x)
    assert torch.allclose(got, right), f"got {got[0, 0]}, eager gives {right[0, 0]}"
