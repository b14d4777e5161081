from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import HANGS, call

from harness.model import Verdict
from harness.record import read

ROOT = Path(__file__).resolve().parent.parent

PROGRAMS = {
    "results of operators are on the device": """
        assert (x + 1).device.type == "paper"
        assert (x + 1).cpu().tolist() == [[1, 2, 3], [4, 5, 6]]
    """,
    "views share storage and writes are seen": """
        view = x.view(6)[2:4]
        assert view.untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
        assert view._base is x._base and view.storage_offset() == 2
        view.add_(10)
        assert x.cpu().tolist() == [[0, 1, 12], [13, 4, 5]]
    """,
    "results share nothing with arguments": """
        assert (x * 1).untyped_storage().data_ptr() != x.untyped_storage().data_ptr()
    """,
    "a copy has memory of its own": """
        copied = copy.deepcopy(x)
        copied.add_(1)
        assert copied.device.type == "paper" and x.cpu().tolist() == [[0, 1, 2], [3, 4, 5]]
    """,
    "numbers stand for tensors": """
        assert (x % 4).cpu().tolist() == [[0, 1, 2], [3, 0, 1]]
    """,
    "strides are kept": """
        assert torch.empty_like(x.t()).stride() == (1, 3)
        assert (x.t() + 1).stride() == (1, 3)
    """,
    "an empty result is resized": """
        out = torch.empty(0, device="paper")
        torch.add(x, x, out=out)
        assert out.cpu().tolist() == [[0, 2, 4], [6, 8, 10]]
    """,
    "a tensor shrinks in place and grows elsewhere": """
        first = x.untyped_storage().data_ptr()
        x.resize_(2)
        assert x.tolist() == [0, 1] and x.untyped_storage().data_ptr() == first
        x.resize_(8)
        assert x.tolist()[:6] == [0, 1, 2, 3, 4, 5]
    """,
    "a loss that the CPU computes in two steps is right": """
        loss = torch.nn.functional.mse_loss(x, torch.zeros_like(x))
        assert abs(loss.item() - 55 / 6) < 1e-5
    """,
    "gradients are on the device": """
        w = torch.ones(3, 2, device="paper", requires_grad=True)
        (x @ w).relu().sum().backward()
        assert w.grad.device.type == "paper"
        assert w.grad.cpu().tolist() == [[3, 3], [5, 5], [7, 7]]
    """,
    "a convolution trains": """
        layer = torch.nn.Conv2d(1, 2, 2)
        image = torch.ones(1, 1, 3, 3)
        layer(image).sum().backward()
        expected = layer.weight.grad.clone()
        layer.zero_grad()
        there = layer.to("paper")
        there(image.to("paper")).sum().backward()
        assert torch.equal(there.weight.grad.cpu(), expected)
    """,
    "layers that remember train": """
        for kind, bias in ("LSTM", True), ("LSTM", False), ("GRU", True), ("GRU", False):
            layer, found = getattr(torch.nn, kind)(3, 2, bias=bias), []
            for device in "cpu", "paper":
                there = copy.deepcopy(layer).to(device)
                y, memory = there(x.to(device).reshape(2, 1, 3) / 6)
                for result in y, memory if isinstance(memory, torch.Tensor) else memory[1]:
                    result.square().sum().backward(retain_graph=True)
                found.append([y, *(each.grad for each in there.parameters())])
            for expected, told in zip(*found, strict=True):
                assert told.device.type == "paper"
                torch.testing.assert_close(told.cpu(), expected)
    """,
    "autocast computes in the lower precision": """
        with torch.autocast("paper", dtype=torch.bfloat16):
            assert (x @ x.t()).dtype is torch.bfloat16
            assert (x + x).dtype is torch.float32
    """,
    "tensors are saved and loaded on the device": """
        import io
        file = io.BytesIO()
        torch.save({"x": x, "view": x[1]}, file)
        file.seek(0)
        loaded = torch.load(file)
        assert loaded["x"].device.type == "paper"
        loaded["view"].zero_()
        assert loaded["x"].cpu().tolist() == [[0, 1, 2], [0, 0, 0]]
    """,
    "a number that only 64 bits without a sign hold is added as on the CPU": """
        whole = x.to(torch.int64)
        assert (whole + 2**63).cpu().equal(whole.cpu() + 2**63)
    """,
    "an operator without results runs": """
        assert torch._assert_async(x.sum() > 0) is None
    """,
    "the parts of a split share its memory": """
        for part in x.split(1):
            part.neg_()
        assert x.cpu().tolist() == [[0, -1, -2], [-3, -4, -5]]
    """,
}


RUN = """
import copy, json, sys, textwrap, traceback
import torch
import conformance.devices.paper
found = {}
for name, program in json.load(sys.stdin).items():
    x = torch.arange(6.0, device="paper").reshape(2, 3)
    try:
        exec(textwrap.dedent(program), {"copy": copy, "torch": torch, "x": x})
    except Exception:
        found[name] = traceback.format_exc()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def failures() -> dict[str, str]:
    """In a process of its own: a device cannot be taken away again."""
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps(PROGRAMS),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_device_of_python_behaves_as_one(name: str, failures: dict[str, str]) -> None:
    assert name not in failures, failures[name]


def test_what_the_device_cannot_do_in_eager_is_unsupported(tmp_path: Path) -> None:
    asked = [
        "captured_inputs/exceptions_of_hooks_arrive",
        "randomness/own_generator",
        "attention/scores_are_changed",
    ]
    ran = call("run", *asked, "--implementation=eager-paper", f"-o{tmp_path}")
    assert ran.returncode == 5, ran.stdout
    judged = {
        each.trial.scenario: each.judgement for each in read(tmp_path / "record.jsonl").results
    }
    assert {each.verdict for each in judged.values()} == {Verdict.UNSUPPORTED}
    died, raised, raised_in_a_call = (judged[each].reason for each in asked)
    assert died.startswith("eager itself died of SIGABRT on 'paper'")
    assert raised.startswith("eager itself raised NotImplementedError (You should register")
    assert raised_in_a_call.startswith("eager itself raised ValueError (FlexAttention is only")
