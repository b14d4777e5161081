"""Apache TVM's Relax frontend as a backend of torch.compile. Far side.

Torch's own backend `tvm` imports a frontend that TVM has removed; this is TVM's own replacement.
"""

from __future__ import annotations

from tvm.relax.frontend.torch import relax_dynamo

compile_graph = relax_dynamo()
