"""A coroutine that waits after an operation on tensors is refused, and does not run as it is either.

Scenario: compiled_modules/program_is_a_coroutine
Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: Dynamo breaks the graph where the program waits, and asks for a function that goes on there;
    ContinueExecutionCache (torch/_dynamo/resume_execution.py) makes none of a coroutine and raises AssertionError,
    which nobody takes for a reason to run the program as it is.
Upstream: akin to https://github.com/pytorch/pytorch/issues/93738
"""

import asyncio
import sys

import torch


@torch.compile(backend=sys.argv[1])
async def program(x):
    y = x * 2
    await asyncio.sleep(0)
    return y + 1


assert asyncio.run(program(torch.ones(2))).eq(3).all()
