"""ONNX Runtime as a backend of torch.compile: the worked example of "write your own". Far side.

Each captured graph is exported to ONNX and run by an inference session. There is no backward: the results are cut off
from autograd, which the profile does not hide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import onnxruntime
import torch
from torch.fx import GraphModule


def compile_graph(graph: GraphModule, examples: Sequence[Any]) -> Callable[..., Any]:
    """The graph as an inference session.

    Args:
        graph: what Dynamo captured.
        examples: its inputs: tensors, and numbers where a size is dynamic.

    Raises:
        torch.onnx.OnnxExporterError: the exporter cannot express the graph.
    """
    exported = torch.onnx.export(graph, tuple(examples), dynamo=True, verbose=False)
    assert exported is not None  # as `dynamo` is set
    session = onnxruntime.InferenceSession(
        exported.model_proto.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [each.name for each in session.get_inputs()]

    def run(*args: torch.Tensor | int) -> tuple[torch.Tensor, ...]:
        tensors = [each for each in args if isinstance(each, torch.Tensor)]
        values = {name: each.detach().numpy() for name, each in zip(names, tensors, strict=True)}
        return tuple(torch.from_numpy(each) for each in session.run(None, values))

    return run
