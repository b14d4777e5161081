"""An f-string of nothing but a number that varies is that number, no text.

Scenario: python_numbers/number_is_itself
Kind: wrong kind
Seen: torch 2.12.1, 2.13.0; eager, aot_eager, inductor
Shows: AssertionError
Root: the text is kept as a lazy one that has the source of the symbol (_format_value in
    torch/_dynamo/symbolic_convert.py); where it is returned, it is taken from that source again. Since torch 2.14 it
    has no source.
Upstream: https://github.com/pytorch/pytorch/pull/189830
"""

import sys

import torch

compiled = torch.compile(lambda x, n: (x * n, f"{n:+}"), backend=sys.argv[1])
for n in 5, 3, 4:
    text = compiled(torch.zeros(1), n)[1]
    assert text == f"+{n}", f"the text of {n} is {text!r}, a {type(text).__name__}"
