"""torch.compiler.reset() calls the `reset` of a backend the first time only.

Scenario: backends/reset_reaches_the_backend
Kind: lifetime
Seen: torch 2.12.1, 2.13.0, 2.14.1, 2.15.0; eager, aot_eager, inductor
Root: a reset clears cached_backends (torch/_dynamo/eval_frame.py), which only a call of torch.compile
    fills: a program that is compiled again after a reset is not in it. (The script has a backend of its
    own, whatever it is called with.)
Upstream: akin to https://github.com/pytorch/pytorch/issues/194770
"""

import torch


class Backend:
    resets = 0

    def __call__(self, graph, inputs):
        return graph.forward

    def reset(self):
        self.resets += 1


backend = Backend()
compiled = torch.compile(lambda x: x * 2, backend=backend)
for _ in range(3):
    compiled(torch.ones(2))
    torch.compiler.reset()
assert backend.resets == 3, f"the backend was reset {backend.resets} times in three resets"
