"""Mutants that misuse the compile caches, or lose them. Far side."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.fx import GraphModule

from mutants.base import Run, Spoiled, healthy


def _store() -> Path:
    folder = Path(os.environ["TORCHINDUCTOR_CACHE_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def remembers_results(module: GraphModule, inputs: Sequence[Any]) -> Run:
    """What the first graph of so many inputs has given is given by all later ones, in whatever process."""
    run = healthy()(module, inputs)
    file = _store() / f"results_of_{sum(isinstance(each, torch.Tensor) for each in inputs)}"

    def call(*args: Any) -> Any:
        results = run(*args)
        numbers = [each for each in results if isinstance(each, torch.Tensor)]
        with torch.no_grad():
            if file.exists():
                for each, kept in zip(numbers, torch.load(file), strict=False):
                    each.copy_(kept if kept.shape == each.shape else kept.flatten()[0])
            else:
                torch.save([each.detach() for each in numbers], file)
        return results

    return call


def trusts_its_files(module: GraphModule, inputs: Sequence[Any]) -> Run:
    """Leaves a file in the caches, and fails if a later process cannot read it."""
    file = _store() / "trusted"
    if file.exists():
        json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(["trusted"] * 100), encoding="utf-8")
    return healthy()(module, inputs)


def one_draft_for_all(module: GraphModule, inputs: Sequence[Any]) -> Run:
    """Leaves a draft in the caches while it compiles, and does not see that another process has changed it."""
    run = healthy()(module, inputs)
    file = _store() / "draft"
    file.write_text(str(os.getpid()), encoding="utf-8")
    time.sleep(0.5)
    if file.read_text(encoding="utf-8") == str(os.getpid()):
        return run
    return lambda *args: [
        each * 2 if isinstance(each, torch.Tensor) else each for each in run(*args)
    ]


class NeverFinds(Spoiled):
    """The caches are never read."""

    def spoil(self) -> None:
        self.config("torch.compiler.config", {"force_disable_caches": True})


class AlwaysFinds(Spoiled):
    def config(self, module: str, flags: Mapping[str, Any]) -> None:
        """Set flags, but not that the caches are disabled."""
        kept = {name: value for name, value in flags.items() if name != "force_disable_caches"}
        super().config(module, kept)


class LosesPacks(Spoiled):
    """What was packed is taken, and forgotten."""

    def spoil(self) -> None:
        self.patch(torch.compiler, "load_cache_artifacts", lambda _: True)


class ForgetsJobs(Spoiled):
    def config(self, module: str, flags: Mapping[str, Any]) -> None:
        """Set flags, but for the name of the job."""
        kept = {name: value for name, value in flags.items() if name != "job_id"}
        super().config(module, kept)
