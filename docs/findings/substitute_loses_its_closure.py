"""A substitute for a function keeps the first values of what it captures, and what it writes there is lost.

Scenario: substitutes/substitute_has_its_surroundings
Kind: wrong values
Seen: torch 2.12.1, 2.13.0, 2.15.0; eager, aot_eager, inductor
Root: PolyfilledFunctionVariable.call_function (torch/_dynamo/variables/functions.py) traces the substitute without
    a source, so that its closure is neither guarded nor written back; globals that it reads and writes are.
Upstream: none found
"""

import sys

import torch

factors, log = [2.0], []


def with_captured(factors, log):
    def scale(x):
        log.append(len(x))
        return x * factors[0]

    return scale


original = with_captured(factors, log)
torch.compiler.substitute_in_graph(original)(with_captured(factors, log))
compiled = torch.compile(lambda x: original(x), backend=sys.argv[1])
x = torch.ones(1)
for factor in 2.0, 5.0:
    factors[0] = factor
    got, right = compiled(x), x * factor
    assert torch.equal(got, right), f"factor {factor}: got {got}, eager gives {right}"
assert log == [1, 1], f"got {log}, eager gives [1, 1]"
