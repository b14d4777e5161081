"""IREE: a while_loop that captures a tensor ends the process.

Scenario: control_flow/loop_captures_tensors, control_flow/loop_runs_as_often_as_data_say
Kind: lifetime
Seen: torch 2.13.0; turbine_cpu
Root: what a loop captures is given to it as if it carried it, while its body takes only what is carried
    (_import_hop_while_loop in iree/compiler/extras/fx_importer.py): the compiler (iree-base-compiler 3.13.0) tells
    that the loop is invalid, and dies of it, here in a process of its own.
Upstream: none found
"""

import os
import sys

import torch


def program(x, times, factor):
    return torch.while_loop(lambda x, n: n < 3, lambda x, n: (x * factor, n + 1), (x, times))


child = os.fork()
if child == 0:
    given = torch.ones(3), torch.tensor(0), torch.full((3,), 2.0)
    torch.compile(program, backend=sys.argv[1])(*given)
    os._exit(0)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert status == 0, f"the process ended with status {status}"
