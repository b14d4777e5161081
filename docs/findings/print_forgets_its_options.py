"""A print that may be moved to the end of the program forgets its sep, end and file.

Scenario: logging_calls/print_with_options_keeps_them
Kind: lost effect
Seen: torch 2.12.1, 2.13.0; eager, aot_eager, inductor
Root: DebuggingVariable.call_function of torch/_dynamo/variables/misc.py keeps the positional arguments alone;
    since 2.14 a call that has others is not moved.
Upstream: https://github.com/pytorch/pytorch/pull/190840
"""

import contextlib
import io
import sys

import torch
import torch._dynamo

torch._dynamo.config.reorderable_logging_functions = {print}


def program(x):
    print("an", "error", sep=", ", end=".")
    return x + 1


compiled = torch.compile(program, backend=sys.argv[1])
said = io.StringIO()
with contextlib.redirect_stdout(said):
    compiled(torch.ones(2))
assert said.getvalue() == "an, error.", f"printed {said.getvalue()!r}"
