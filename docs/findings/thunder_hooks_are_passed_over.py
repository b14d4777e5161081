"""Thunder: hooks of saved tensors and of a module's backward pass are passed over, and other gradients come out.

Scenario: hooks/saved_tensors_are_packed, hooks/backward_hooks_of_modules_run
Kind: wrong gradients
Seen: torch 2.12.1; thunder-jit
Root: the hooks are pushed while the program is traced and nothing is saved then; those of a module are set up
    only for tensors that need gradients, and the proxy of what an operation gives says that it needs none
    (thunder/core/proxies.py, of Thunder 0.2.6). The documentation says that hooks of modules are not
    supported; nothing warns.
Upstream: none found
"""

import thunder
import torch


def program(x):
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t * 2, lambda t: t):
        return x * x


gradients = []
for each in thunder.jit(program), program:
    x = torch.ones(1, requires_grad=True)
    each(x).backward()
    gradients.append(x.grad.item())
assert gradients[0] == gradients[1], f"got {gradients[0]}, eager gives {gradients[1]}"
