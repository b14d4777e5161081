"""ONNX Runtime as a backend of torch.compile: the worked example of "write your own". Far side.

AOTAutograd makes pure functions of a captured graph, one for each direction; each is exported and run in a session.
"""

from __future__ import annotations

from typing import Any

import torch
from onnxruntime import InferenceSession, OrtValue
from torch._dynamo.backends.common import aot_autograd
from torch._functorch._aot_autograd.utils import make_boxed_func
from torch._guards import detect_fake_mode
from torch.export import ExportedProgram, ModuleCallEntry, ModuleCallSignature
from torch.export import graph_signature as spec
from torch.fx import GraphModule, Node
from torch.onnx._internal.exporter import _core, _registration
from torch.utils._pytree import tree_structure

# What translates each operator: made once, where torch.onnx.export would take seconds to make it for each graph.
REGISTRY = _registration.ONNXRegistry.from_torchlib()


def compile_function(graph: GraphModule, examples: list[Any]) -> Any:  # noqa: ANN401
    """A pure function of tensors and numbers, which may be symbolic, as an inference session."""
    constants = _lift_constants(graph)
    places, output = graph.graph.find_nodes(op="placeholder"), graph.graph.output_node()
    results: Any = output.args[0]
    computed = [each for each in results if isinstance(each, Node)]  # others: None and constants
    if not computed:
        return make_boxed_func(lambda *_: results)
    output.args = (computed,)
    signature = spec.ExportGraphSignature(
        [spec.InputSpec(spec.InputKind.USER_INPUT, _argument(each), None) for each in places],
        [spec.OutputSpec(spec.OutputKind.USER_OUTPUT, _argument(each), None) for each in computed],
    )
    given = tree_structure(((*examples, *constants), {}))
    call = ModuleCallSignature([], [], given, tree_structure(computed))
    program = ExportedProgram(graph, graph.graph, signature, {}, {}, [ModuleCallEntry("", call)])
    exported = _core.export(program, registry=REGISTRY, opset_version=18, verbose=False)
    session = InferenceSession(exported.model_proto.SerializeToString())

    def run(*args: torch.Tensor | float) -> list[torch.Tensor | float | None]:
        inputs = zip(session.get_inputs(), (*args, *constants), strict=True)
        feeds = {x.name: _to_ort(y) for x, y in inputs}
        found = iter(session.run_with_ort_values(None, feeds))
        return [_to_torch(next(found), x) if isinstance(x, Node) else x for x in results]

    return make_boxed_func(run)


def _lift_constants(graph: GraphModule) -> list[torch.Tensor]:
    """Make the tensors that a graph has as attributes its last inputs: an exported program has no others."""
    nodes, mode = graph.graph, detect_fake_mode()
    assert mode is not None  # AOTAutograd's, which is on while it compiles
    found = [each for each in nodes.find_nodes(op="get_attr") if each.users]
    first = next(each for each in nodes.nodes if each.op != "placeholder")
    for node in found:
        with nodes.inserting_before(first):
            place = nodes.placeholder(node.name)
        place.meta["val"] = mode.from_tensor(getattr(graph, node.target), static_shapes=True)
        node.replace_all_uses_with(place)
        nodes.erase_node(node)
    return [getattr(graph, each.target) for each in found]


def _argument(node: Node) -> spec.TensorArgument | spec.SymIntArgument:
    is_tensor = isinstance(node.meta["val"], torch.Tensor)
    return spec.TensorArgument(node.name) if is_tensor else spec.SymIntArgument(node.name)


def _to_ort(value: torch.Tensor | float) -> OrtValue:
    tensor = torch.as_tensor(value).detach().contiguous()
    is_bool = tensor.dtype == torch.bool  # which ONNX Runtime does not take from torch's DLPack
    return OrtValue.ortvalue_from_numpy(tensor.numpy()) if is_bool else OrtValue.from_dlpack(tensor)


def _to_torch(value: OrtValue, node: Node) -> torch.Tensor | float:
    tensor, example = torch.utils.dlpack.from_dlpack(value), node.meta["val"]
    return tensor.to(example.dtype) if isinstance(example, torch.Tensor) else tensor.item()


compile_graph = aot_autograd(fw_compiler=compile_function)
