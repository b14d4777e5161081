"""A small bias of a package of AOTInductor cannot be loaded.

Scenario: export_packages/constants_of_a_package_are_replaced
Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; inductor
Shows: Constant not found
Root: get_attr in torch/_inductor/graph.py writes constants of at most 8 elements into the code as
    numbers, so that load_constants knows none of that name. (AOTInductor is Inductor's alone: with
    another backend the script asks nothing.)
Upstream: none found
"""

import sys
from pathlib import Path

import torch
from torch._inductor import aoti_compile_and_package, aoti_load_package

if sys.argv[1] == "inductor":
    model = torch.nn.Linear(4, 3)
    program = torch.export.export(model, (torch.zeros(2, 4),))
    path = str(Path("linear.pt2").resolve())
    loaded = aoti_load_package(aoti_compile_and_package(program, package_path=path))
    loaded.load_constants(model.state_dict(), check_full_update=False)
