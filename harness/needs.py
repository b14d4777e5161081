"""The closed list of capabilities that a scenario may need and an implementation may claim.

Knows each need and the sentence that defines it. Must not know who claims it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

NEEDS: Mapping[str, str] = {
    "torch_compile": "The front end is torch.compile: its keywords and the controls of torch.compiler.",
    "dynamo_config": "Flags of torch._dynamo.config and of its neighbours change what is compiled.",
    "dynamic_shapes": "Compiled code can serve more than one size of its inputs.",
    "symbolic_scalars": "Compiled code can serve more than one value of a Python number.",
    "fullgraph": "A whole program can be compiled as one piece, or refused with an error.",
    "autocast": "torch.autocast is supported on the implementation's device.",
    "comptime": "Code that a program runs at compile time can look at and steer the compilation "
    "(torch._dynamo.comptime).",
    "compiled_autograd": "Whole backward passes can be captured and compiled (compiled autograd).",
    "ahead_of_time": "A program can be compiled ahead of time, saved to a file, and loaded in another process.",
    "compile_caches": "What was compiled is kept on disk for later processes, and can be packed and carried elsewhere.",
    "aot_inductor": "What is compiled ahead of time can be a package of machine code (AOTInductor).",
    "export": "A program can be captured as one graph that takes and gives what the program does (torch.export).",
    "distributed": "Programs that communicate with other ranks of a process group can be compiled (torch.distributed).",
    "recompile_limit": "The number of compilations of one function is bounded, and the bound can be set.",
    "guards_text": "The conditions under which compiled code is reused can be read as text.",
    "graph_text": "The captured graphs can be read as text.",
}

#: What is asked only of implementations that claim it: for others it would cost much and say nothing of them, because
#: the caches and packages are those of one compiler.
OWN: frozenset[str] = frozenset({"compile_caches", "aot_inductor"})


def unmet(needed: Iterable[str], claimed: Iterable[str]) -> tuple[str, ...]:
    """What is needed and not claimed, in the order of `NEEDS`, so that the same lack reads alike everywhere."""
    lacking = {*needed}.difference(claimed)
    return tuple(need for need in NEEDS if need in lacking)
