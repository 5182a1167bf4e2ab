"""Which PyTorch a build gets."""

from __future__ import annotations

import platform
import sys

import pytest

from scaffold.builds import torch
from scaffold.builds.gpu import Gpu
from scaffold.builds.torch import CPU_INDEX, TORCH_VERSION, choose_torch

H200 = Gpu("NVIDIA H200", "cuda:sm_90a", "580.0")


def machine(monkeypatch: pytest.MonkeyPatch, *, gpu: Gpu | None, index_answers: bool, arch: str = "x86_64") -> None:
    monkeypatch.delenv("SCAFFOLD_TORCH", raising=False)
    monkeypatch.setattr(torch, "find_gpu", lambda: gpu)
    monkeypatch.setattr(torch, "_answers", lambda _: index_answers)
    monkeypatch.setattr(platform, "machine", lambda: arch)
    monkeypatch.setattr(sys, "platform", "linux")


def test_choose_torch_without_a_gpu_asks_the_cpu_index(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpu=None, index_answers=True)
    choice = choose_torch()
    assert choice.arguments == (f"torch=={TORCH_VERSION}", "--extra-index-url", CPU_INDEX)
    assert choice.key.endswith("-cpu")
    assert "no GPU" in choice.reason


def test_choose_torch_with_a_silent_cpu_index_leaves_it_out(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpu=None, index_answers=False)
    assert choose_torch().arguments == (f"torch=={TORCH_VERSION}",)


def test_choose_torch_on_arm_needs_no_extra_index(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpu=None, index_answers=True, arch="aarch64")
    assert choose_torch().arguments == (f"torch=={TORCH_VERSION}",)


def test_choose_torch_with_a_gpu_takes_the_plain_build(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpu=H200, index_answers=True)
    choice = choose_torch()
    assert choice.arguments == (f"torch=={TORCH_VERSION}",)
    assert not choice.key.endswith("-cpu")


def test_choose_torch_cpu_asked_for_wins_over_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpu=H200, index_answers=True)
    assert CPU_INDEX in choose_torch("cpu").arguments


def test_choose_torch_takes_any_requirement_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, gpu=None, index_answers=True)
    monkeypatch.setenv("SCAFFOLD_TORCH", "torch==2.11.0")
    choice = choose_torch()
    assert choice.arguments == ("torch==2.11.0",)
    assert choice.key == "torch--2.11.0"
