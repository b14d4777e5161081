"""load_constants refuses the state_dict of the module that a package was made of, if one of its weights
is as short as eight numbers: the package goes on with what that weight was.

Scenario: export_packages/constants_of_a_package_are_replaced
Kind: refused
Seen: torch 2.13.0; inductor
Root: get_attr in torch/_inductor/graph.py writes a weight of one dimension and at most eight numbers
    (can_inline_constant) into the code as a literal, so that the package has no constant of its name;
    config.always_keep_tensor_constants turns that off. (AOTInductor is Inductor's alone: with another
    backend the script asks nothing.)
Upstream: none found
"""

import sys
from pathlib import Path

import torch
from torch._inductor import aoti_compile_and_package, aoti_load_package

if sys.argv[1] == "inductor":
    net, other = torch.nn.Linear(16, 2), torch.nn.Linear(16, 2)
    program = torch.export.export(net, (torch.zeros(4, 16),))
    path = str(Path("linear.pt2").resolve())
    loaded = aoti_load_package(aoti_compile_and_package(program, package_path=path))
    loaded.load_constants(other.state_dict(), check_full_update=True)
    torch.testing.assert_close(loaded(torch.zeros(4, 16)), other(torch.zeros(4, 16)))
