"""Do compiled modules follow their mode, and do instances share their graphs?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from harness.scenario import Subject, scenario

if TYPE_CHECKING:
    from torch import Tensor


class Dropping(torch.nn.Module):
    """Drops each element of a linear layer's output with probability one half."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(10, 1)
        self.dropout = torch.nn.Dropout(p=0.5)

    def forward(self, x: Tensor) -> Tensor:
        """One number, dropped or doubled while training."""
        return self.dropout(self.linear(x))  # type: ignore[no-any-return]


class Leaf(torch.nn.Module):
    """Holds one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output."""
        return self.linear(x)  # type: ignore[no-any-return]


@scenario(
    ref="torch.compiler: modules / training flag",
    seed=("test_simple_module_recompile",),
    needs=("fullgraph",),
    axes={"dynamic": (None, True)},
    expect="""
    call 1: compiles, resembles eager
    call 2: compiles, changes random_state, resembles eager
    call 3: reuses, resembles eager
    call 4: reuses, changes random_state, resembles eager
    call 5: reuses, resembles eager
    call 6: reuses, changes random_state, resembles eager
    call 7: reuses, resembles eager
    call 8: reuses, changes random_state, resembles eager
    call 9: reuses, resembles eager
    call 10: reuses, changes random_state, resembles eager
    results in eval mode: equals eager
    results in train mode are nothing or doubled: equals eager
    """,
)
def mode_is_toggled(s: Subject) -> None:
    """Switching between train and eval costs one graph a mode, and each call obeys the mode of its time."""
    module, x = s.place(Dropping()), s.randn(10)
    model = s.compile(module, compare="metadata", fullgraph=True, dynamic=s.axis("dynamic"))
    evaluated, trained = [], []
    for _ in range(5):
        model.eval()
        evaluated.append(model(x))
        model.train()
        trained.append(model(x))
    s.note("results in eval mode", evaluated)
    kept = [not y.any() or torch.allclose(y, 2 * module.linear(x)) for y in trained]
    s.note("results in train mode are nothing or doubled", kept)


@scenario(
    ref="torch.compiler: modules / inlining of standard layers",
    seed=("test_inline_inbuilt_nn_modules_candidate",),
    needs=("dynamo_config", "guards_text", "graph_text"),
    tells=("ops",),
    axes={"inline": (True, False)},
    expect={
        # Since torch 2.12 the flag does nothing: parameters are always inputs.
        "inline=False, torch<2.12": """
        calls 1-6: compiles, 1 op, equals eager
        guards that mark a candidate for inlining (may) = 6
        graph inputs (may) = [(f32[2, 2])]
        """,
        "otherwise": """
        call 1: compiles, 1 op, equals eager
        calls 2-6: reuses, equals eager
        guards that mark a candidate for inlining (may) = 0
        graph inputs (may) = [(f32[2, 2], f32[2], f32[2, 2])]
        """,
    },
)
def instances_share_a_graph(s: Subject) -> None:
    """Parameters are inputs of the graph, so that all instances of a module share it."""
    s.config(inline_inbuilt_nn_modules=s.axis("inline"))
    forward = s.compile(Leaf.forward)
    for _ in range(3):
        for leaf in s.place(Leaf()), s.place(Leaf()):
            forward(leaf, s.randn(2, 2))
    marked = sum("[inline-inbuilt-nn-modules-candidate]" in guards for guards in s.guards())
    s.tell("guards that mark a candidate for inlining", marked, tier="may")
    s.tell("graph inputs", sorted({graph.inputs for graph in s.graphs()}), tier="may")


@scenario(
    ref="torch.compiler: modules / parameters are inputs",
    expect="""
    call 1: compiles, equals eager
    change: the weights are doubled in place
    call 2: reuses, equals eager
    change: other weights are loaded
    call 3: reuses, equals eager
    """,
)
def weights_are_updated(s: Subject) -> None:
    """A compiled layer uses the weights that it has when it is called; other values need no recompilation."""
    layer, other = s.place(torch.nn.Linear(10, 4)), s.place(torch.nn.Linear(10, 4))
    model, x = s.compile(layer), s.randn(4, 10)
    with torch.no_grad():
        model(x)
        s.change("the weights are doubled in place")
        layer.weight.mul_(2)
        model(x)
        s.change("other weights are loaded")
        layer.load_state_dict(other.state_dict())
        model(x)


@scenario(
    ref="torch.compile: best practices / mod.compile() and torch.compile(mod)",
    needs=("torch_compile",),
    expect="""
    call 1: compiles, equals eager
    names in the module: equals eager
    names in what is compiled (diverge) = [_orig_mod.weight, _orig_mod.bias]
    another module refuses them (diverge) = True
    change: it loads what it has saved
    call 2: reuses, equals eager
    """,
)
def compiled_module_names_its_state_otherwise(s: Subject) -> None:
    """The state_dict of a compiled module has prefixed keys: it can load that itself, and other modules cannot."""
    layer, another, x = s.place(torch.nn.Linear(3, 2)), torch.nn.Linear(3, 2), s.randn(3)
    model = s.compile(layer)
    model(x)
    saved = {name: tensor * 2 for name, tensor in model.state_dict().items()}
    s.note("names in the module", list(layer.state_dict()))
    s.tell("names in what is compiled", list(saved), tier="diverge")
    refused = another.load_state_dict(saved, strict=False).unexpected_keys
    s.tell("another module refuses them", refused == list(saved), tier="diverge")
    s.change("it loads what it has saved")
    model.load_state_dict(saved)
    model(x)
