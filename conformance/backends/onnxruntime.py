"""ONNX Runtime as a backend of torch.compile: the worked example of "write your own". Far side.

AOTAutograd makes pure functions of a captured graph, one for each direction; each is exported and run in a session.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from onnxruntime import InferenceSession, OrtValue
from torch._dynamo.backends.common import aot_autograd
from torch._dynamo.convert_frame import compile_lock
from torch._functorch._aot_autograd.utils import make_boxed_func
from torch.export import ExportedProgram, ModuleCallEntry, ModuleCallSignature
from torch.export import graph_signature as spec
from torch.fx import GraphModule, Node
from torch.fx.experimental.symbolic_shapes import optimization_hint
from torch.onnx._internal.exporter import _core, _registration
from torch.utils._pytree import tree_structure

# What translates each operator: made once, where torch.onnx.export would take seconds to make it for each graph.
REGISTRY = _registration.ONNXRegistry.from_torchlib()


def compile_function(graph: GraphModule, examples: list[Any]) -> Any:  # noqa: ANN401
    """A pure function of tensors and numbers, which may be symbolic, as an inference session."""
    constants = _lift_constants(graph)
    places, output = graph.graph.find_nodes(op="placeholder"), graph.graph.output_node()
    results: Any = output.args[0]
    nodes = [each for each in results if isinstance(each, Node)]  # others: None and constants
    computed = [each for each in nodes if each not in places]  # others: passed through as they are

    def chosen(known: dict[Node, Any]) -> list[Any]:
        return [known[each] if isinstance(each, Node) else each for each in results]

    if not computed:
        return make_boxed_func(
            lambda *args: chosen(dict(zip(places, (*constants, *args), strict=True)))
        )
    output.args = (computed,)
    signature = spec.ExportGraphSignature(
        [spec.InputSpec(spec.InputKind.USER_INPUT, _argument(each), None) for each in places],
        [spec.OutputSpec(spec.OutputKind.USER_OUTPUT, _argument(each), None) for each in computed],
    )
    inputs, outputs = tree_structure(((*constants, *examples), {})), tree_structure(computed)
    call = ModuleCallEntry("", ModuleCallSignature([], [], inputs, outputs))
    # An export changes what the whole process shares, and AOTAutograd compiles a backward without Dynamo's lock.
    with compile_lock, warnings.catch_warnings(action="ignore", category=FutureWarning):
        program = ExportedProgram(graph, graph.graph, signature, {}, {}, [call])
        exported = _core.export(program, registry=REGISTRY, opset_version=18, verbose=False)
    session = InferenceSession(exported.model_proto.SerializeToString())
    names, orders = [each.name for each in session.get_inputs()], [_order(x) for x in computed]

    def run(*args: torch.Tensor | float) -> list[torch.Tensor | float | None]:
        known: dict[Node, Any] = dict(zip(places, (*constants, *args), strict=True))
        feeds = {x: _to_ort(y) for x, y in zip(names, known.values(), strict=True)}
        found = zip(computed, session.run_with_ort_values(None, feeds), orders, strict=True)
        return chosen(known | {node: _to_torch(value, node, order) for node, value, order in found})

    return make_boxed_func(run)


def _lift_constants(graph: GraphModule) -> list[torch.Tensor]:
    """The tensors that a graph holds, which an exported program may not: they become its first inputs."""
    found: list[torch.Tensor] = []
    for each in graph.graph.find_nodes(op="get_attr"):
        if isinstance(value := getattr(graph, each.target), torch.Tensor):
            with graph.graph.inserting_before(next(iter(graph.graph.nodes))):
                place = graph.graph.placeholder(each.name)
            place.meta = dict(each.meta)
            each.replace_all_uses_with(place)
            graph.graph.erase_node(each)
            found.insert(0, value)
    return found


def _order(node: Node) -> list[int]:
    """The dimensions of a result from the outermost to the innermost in memory: ONNX knows no strides."""
    if not isinstance(value := node.meta["val"], torch.Tensor):
        return []
    strides = value.stride()
    return sorted(range(len(strides)), key=lambda i: -optimization_hint(strides[i], 1))


def _argument(node: Node) -> spec.TensorArgument | spec.SymIntArgument:
    is_tensor = isinstance(node.meta["val"], torch.Tensor)
    return spec.TensorArgument(node.name) if is_tensor else spec.SymIntArgument(node.name)


def _to_ort(value: torch.Tensor | float) -> OrtValue:
    made = value if isinstance(value, torch.Tensor) else torch.tensor(value, device="cpu")
    is_complex = made.is_complex()  # which the exporter takes for pairs in a last dimension
    tensor = (torch.view_as_real(made.resolve_conj()) if is_complex else made).detach().contiguous()
    is_bool = tensor.dtype == torch.bool  # which ONNX Runtime does not take from torch's DLPack
    return OrtValue.ortvalue_from_numpy(tensor.numpy()) if is_bool else OrtValue.from_dlpack(tensor)


def _to_torch(value: OrtValue, node: Node, order: list[int]) -> torch.Tensor | float:
    tensor, example = torch.utils.dlpack.from_dlpack(value), node.meta["val"]
    if not isinstance(example, torch.Tensor):
        return bool(tensor) if isinstance(example, torch.SymBool) else tensor.item()
    if example.is_complex() and not tensor.is_complex():
        tensor = torch.view_as_complex(tensor)
    made = tensor.to(example.device, example.dtype)
    if order == sorted(order):
        return made
    # No permutation of a copy: autograd forbids to write into results that are views.
    return torch.empty_permuted(made.shape, order, dtype=made.dtype, device=made.device).copy_(made)


def compile_graph(graph: GraphModule, examples: list[Any]) -> Any:  # noqa: ANN401
    """The backend: a function, as a module that was compiled with an AotAutograd cannot be pickled."""
    return aot_autograd(fw_compiler=compile_function)(graph, examples)
