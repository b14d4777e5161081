"""str() of a KeyError is its key, where Python gives the representation of the key.

Scenario: errors/caught_exception_is_read
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.14.1; eager, aot_eager, inductor
Root: before torch 2.15 the text of an exception is taken to be that of its argument.
Upstream: https://github.com/pytorch/pytorch/issues/197110
"""

import sys

import torch


def program(x):
    try:
        raise KeyError("k")  # noqa: TRY301
    except KeyError as error:
        return x + 1, str(error)


_, got = torch.compile(program, backend=sys.argv[1])(torch.zeros(1))
assert got == "'k'", f"got {got}, Python gives {KeyError('k')}"
