"""What a helper or a submodule prints is lost where print may be moved to the end of the program.

Scenario: logging_calls/submodules_log_as_well
Kind: lost effect
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: a call that is moved is noted in the translator of the frame that makes it (DebuggingVariable.call_function
    of torch/_dynamo/variables/misc.py), and torch/_dynamo/output_graph.py writes those of the root frame alone.
Upstream: none found
"""

import contextlib
import io
import sys

import torch
import torch._dynamo

torch._dynamo.config.reorderable_logging_functions = {print}


def helper(x):
    print("in the helper")
    return x + 1


def program(x):
    return helper(x) * 2


compiled = torch.compile(program, backend=sys.argv[1])
said = io.StringIO()
with contextlib.redirect_stdout(said):
    compiled(torch.ones(2))
    compiled(torch.ones(2))
assert said.getvalue() == "in the helper\n" * 2, f"printed {said.getvalue()!r} in two calls"
