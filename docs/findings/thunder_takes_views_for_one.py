"""Thunder: views of one tensor are taken for the same tensor where anything is written in place.

Scenario: aliasing/arguments_come_to_share_storage
Kind: wrong values
Seen: torch 2.12.1; thunder-jit
Root: replace_args_with_alias_map in thunder/core/update_aliases.py, of Thunder 0.2.6, goes by the storage
    of arguments alone, not by their offsets; with skip_inplace_alias_updates=True the values are right.
Upstream: none found
"""

import thunder
import torch


def program(x, y):
    x.add_(1)
    return y * 10


base, other = torch.arange(4.0), torch.arange(4.0)
got = thunder.jit(program)(base[:2], base[2:])
right = program(other[:2], other[2:])
assert torch.equal(got, right), f"got {got}, eager gives {right}"
