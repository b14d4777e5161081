"""A tensor of a class with a __torch_function__ cannot be passed to code that was compiled for it.

Scenario: subclasses/class_of_the_argument_decides
Kind: refused
Seen: torch 2.12.1, 2.13.0, 2.14.1; aot_eager
Shows: TypeError
Root: _AnalyzeCustomOpInputOutputMode (torch/_functorch/_aot_autograd/runtime_wrappers.py), in which
    aot_eager runs its code, gives NotImplemented for tensors of any class but Tensor and Parameter. Fixed
    in 2.15.0.
Upstream: none found
"""

import sys

import torch


class Marked(torch.Tensor):
    pass


compiled = torch.compile(lambda x: x + 1, backend=sys.argv[1])
compiled(torch.ones(3).as_subclass(Marked))
