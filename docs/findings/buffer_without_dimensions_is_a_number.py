"""A package of AOTInductor loses the writes to a buffer without dimensions, such as the counter of a
BatchNorm.

Scenario: export_packages/package_serves_its_sizes_elsewhere
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1; inductor
Root: get_attr in torch/_inductor/graph.py takes the number of a constant without dimensions instead of
    the tensor, also where the graph writes to it. Fixed in 2.15.0. (AOTInductor is Inductor's alone: with
    another backend the script asks nothing.)
Upstream: akin to https://github.com/pytorch/pytorch/issues/165444
"""

import sys
from pathlib import Path

import torch
from torch._inductor import aoti_compile_and_package, aoti_load_package


class Counter(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls.add_(1)
        return x + self.calls


if sys.argv[1] == "inductor":
    program = torch.export.export(Counter(), (torch.zeros(4),))
    path = str(Path("counter.pt2").resolve())
    loaded = aoti_load_package(aoti_compile_and_package(program, package_path=path))
    got = [loaded(torch.zeros(4))[0].item() for _ in range(3)]
    assert got == [1, 2, 3], f"got {got}, eager counts 1, 2, 3"
