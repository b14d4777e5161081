"""What a __torch_function__ computes with the result of super() is a plain tensor, and none of its
class.

Scenario: subclasses/class_of_the_argument_decides
Kind: wrong kind
Seen: torch 2.12.1, 2.13.0, 2.14.1; eager, inductor; torch 2.15.0; eager, aot_eager, inductor
Root: while a __torch_function__ is traced, call_torch_function
    (torch/_dynamo/variables/torch_function.py) switches the dispatch to classes off for all of it, where
    eager does so only for what super().__torch_function__ calls.
Upstream: https://github.com/pytorch/pytorch/issues/176679
"""

import sys

import torch


class Marked(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        result = super().__torch_function__(function, types, args, kwargs)
        return result * 2 if function is torch.sin else result


compiled = torch.compile(torch.sin, backend=sys.argv[1])
x = torch.ones(3).as_subclass(Marked)
try:
    got, right = type(compiled(x)), type(torch.sin(x))
except TypeError:  # the class is refused, which is another finding
    got = right = Marked
assert got is right, f"got {got}, eager gives {right}"
