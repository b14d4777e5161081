"""OpenVINO: the first step of a compiled optimiser is done twice in part.

Scenario: optimisers/parameters_are_stepped, optimisers/state_is_loaded
Kind: wrong values
Seen: torch 2.13.0; openvino
Root: fx_openvino (openvino/frontend/pytorch/torchdynamo/backend.py, of OpenVINO 2026.4.1) has make_fx trace
    the graph, in which the number of steps and the memories are real tensors: what meets no fake tensor is
    run for real. Then the trace fails, and the graph is left to Inductor, which counts the step again.
Upstream: none found
"""

import sys

import openvino.torch  # noqa: F401 - registers the backend
import torch

weight = torch.nn.Parameter(torch.ones(3))
weight.grad = torch.ones(3)
optimiser = torch.optim.Adam([weight])
torch.compile(optimiser.step, backend=sys.argv[1])()
got, right = optimiser.state[weight]["step"].item(), 1
assert got == right, f"got {got} steps, there was {right}"
