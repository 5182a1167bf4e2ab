"""What zoo kernels are compared with computes what they compute: in a build's PyTorch, and on a GPU where one is."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from realkit import ROOT

from scaffold.builds.build import Build
from scaffold.builds.gpu import find_gpu
from scaffold.kernels.catalog import load_zoo_kernel, zoo_names

#: Runs cases (kernel, contender, parameters) on a device and prints one JSON object a case: the relative error, dtype
#: and shape of every output, or what was raised.
SCRIPT = """
import importlib, json, sys, traceback
sys.path.insert(0, sys.argv[1])
import torch

def inputs_of(kernel, params, device):
    if kernel.make_inputs is not None:
        return kernel.make_inputs(params, device, 20)
    generator = torch.Generator().manual_seed(20)
    wanted = [tensor for tensor in kernel.tensors(params) if tensor.role == "input"]
    return tuple(
        torch.randn(tensor.shape, generator=generator).to(device, getattr(torch, tensor.dtype)) for tensor in wanted
    )

def relative_error(out, expected):
    out, expected = out.double().cpu(), expected.double().cpu()
    return float((out - expected).norm() / expected.norm())

def outcome(name, contender, params, device):
    kernel = importlib.import_module("scaffold.kernels.zoo." + name).KERNEL
    params = {**kernel.defaults(), **params}
    kernel.check(params)
    inputs = inputs_of(kernel, params, device)
    kept = [tensor.clone() for tensor in inputs]
    precision = torch.get_float32_matmul_precision()
    function = kernel.contenders[contender](params)
    for _ in range(2):
        made = function(*inputs)
    assert precision == torch.get_float32_matmul_precision(), "left another precision behind"
    assert all(torch.equal(a.view(torch.uint8), b.view(torch.uint8)) for a, b in zip(inputs, kept)), "wrote to an input"
    made = made if isinstance(made, tuple) else (made,)
    expected = kernel.reference(params, inputs)
    assert len(made) == len(expected)
    return {
        "errors": [relative_error(out, reference) for out, reference in zip(made, expected)],
        "dtypes": [str(out.dtype).removeprefix("torch.") for out in made],
        "shapes": [list(out.shape) for out in made],
        "contiguous": [out.is_contiguous() for out in made],
    }

for case in json.loads(sys.argv[3]):
    try:
        print(json.dumps(outcome(*case, sys.argv[2])), flush=True)
    except Exception:
        print(json.dumps({"raised": traceback.format_exc()}), flush=True)
"""

#: Small problems, and every way a contender takes on the host.
SMALL: list[tuple[str, dict[str, Any]]] = [
    ("conv2d", {"batch": 2, "height": 9, "width": 7, "channels": 32}),
    ("conv2d", {"batch": 1, "height": 9, "width": 9, "channels": 32, "stride": 2, "padding": 2, "dilation": 2}),
    ("conv2d", {"batch": 1, "height": 5, "width": 5, "channels": 32, "kernel": 1, "padding": 0, "dtype": "bfloat16"}),
    ("cpu_gemm", {"M": 32, "N": 64, "K": 96}),
    ("cpu_gemm", {"M": 32, "N": 64, "K": 96, "dtype": "float64"}),
    ("dequant_gemm", {"M": 64, "N": 128, "K": 256}),
    ("dequant_gemm", {"M": 64, "N": 128, "K": 256, "group_size": 32, "dtype": "bfloat16"}),
    ("elementwise_add", {"M": 32, "N": 128}),
    ("elementwise_add", {"M": 32, "N": 128, "dtype": "float16"}),
    ("flash_attention", {"seq_len": 128, "heads": 2}),
    ("flash_attention", {"seq_len": 256, "heads": 2, "batch": 2, "causal": True}),
    ("gemm", {"M": 128, "N": 256, "K": 64}),
    ("gemm", {"M": 128, "N": 256, "K": 64, "dtype": "float32"}),
    ("gemm", {"M": 128, "N": 256, "K": 64, "dtype": "int8", "accum_dtype": "int32"}),
    ("gemm_fp8", {"M": 128, "N": 256, "K": 128}),
    ("gemm_fp8", {"M": 128, "N": 256, "K": 128, "out_dtype": "float32"}),
    ("gemm_fp8", {"M": 128, "N": 256, "K": 128, "dtype": "float8_e5m2"}),
    ("gemm_splitk", {"M": 64, "N": 128, "K": 256}),
    ("gemv", {"N": 16, "K": 512}),
    ("gemv", {"N": 16, "K": 512, "dtype": "float32"}),
    ("mla_decode", {"batch": 2, "heads": 32, "seq_len": 64, "latent_dim": 64, "rope_dim": 16}),
    ("mla_decode", {"batch": 2, "heads": 16, "seq_len": 64, "latent_dim": 64, "rope_dim": 16, "dtype": "bfloat16"}),
    ("reduce_sum", {"M": 8, "N": 512}),
    ("reduce_sum", {"M": 8, "N": 1024, "dtype": "float16"}),
    ("rms_norm", {"M": 4, "N": 256}),
    ("rms_norm", {"M": 4, "N": 256, "eps": 0.5, "dtype": "float32"}),
    ("softmax", {"M": 8, "N": 256}),
    ("softmax", {"M": 8, "N": 256, "dtype": "bfloat16"}),
    ("topk", {"M": 16, "N": 64}),
]

#: Sizes that are no whole number of a Triton kernel's own tiles, and other dtypes; beside them, all defaults.
ODD: list[tuple[str, dict[str, Any]]] = [
    ("elementwise_add", {"M": 96, "N": 384, "block_M": 32, "dtype": "bfloat16"}),
    ("flash_attention", {"seq_len": 1024, "causal": True}),
    (
        "flash_attention",
        {"seq_len": 176, "heads": 3, "batch": 2, "dim": 80, "block_M": 16, "block_N": 16, "threads": 32},
    ),
    ("flash_attention", {"seq_len": 224, "dim": 128, "causal": True, "block_M": 32, "block_N": 32, "threads": 32}),
    ("flash_attention", {"seq_len": 256, "dim": 256, "dtype": "bfloat16"}),
    ("gemm", {"M": 200, "N": 272, "K": 80, "block_M": 8, "block_N": 16, "block_K": 16}),
    ("gemm", {"M": 2048, "N": 2048, "K": 512, "dtype": "bfloat16"}),
    ("gemm", {"M": 256, "N": 384, "K": 96, "dtype": "float32"}),
    ("gemm", {"M": 256, "N": 384, "K": 96, "dtype": "int8", "accum_dtype": "int32"}),
    ("gemv", {"N": 36, "K": 1536, "block_N": 4, "dtype": "float32"}),
    ("reduce_sum", {"M": 12, "N": 4608, "dtype": "bfloat16"}),
    ("rms_norm", {"M": 5, "N": 640, "dtype": "bfloat16"}),
    ("softmax", {"M": 4, "N": 640, "dtype": "float32"}),
]

Outcome = dict[str, Any]


def outcomes(
    build: Build, device: str, cases: list[tuple[str, str, dict[str, Any]]], *, first: str = ""
) -> list[Outcome]:
    """What became of each case, from one process of the build's interpreter that does ``first`` first."""
    command = [build.python, "-I", "-c", f"{first}\n{SCRIPT}", str(ROOT), device, json.dumps(cases)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(cases)
    return found


def faults_of(name: str, params: dict[str, Any], found: Outcome) -> list[str]:
    """What is wrong with the outputs of a contender; nothing, if all is well."""
    if "raised" in found:
        return [str(found["raised"])]
    kernel = load_zoo_kernel(name)
    wanted = [tensor for tensor in kernel.tensors({**kernel.defaults(), **params}) if tensor.role == "output"]
    faults = []
    for place, tensor in enumerate(wanted):
        # The indices of torch.topk are int64; casting them would be work that nobody asks for.
        dtype = "int64" if tensor.dtype == "int32" else tensor.dtype
        if not found["errors"][place] <= kernel.tolerance.relative:
            faults.append(f"{tensor.name} is off by {found['errors'][place]}")
        if found["dtypes"][place] != dtype or found["shapes"][place] != list(tensor.shape):
            faults.append(f"{tensor.name} is {found['dtypes'][place]} {found['shapes'][place]}")
        if not found["contiguous"][place]:
            faults.append(f"{tensor.name} is not laid out like the kernel's")
    return faults


@pytest.fixture(scope="module")
def on_the_host(newest: Build) -> list[Outcome]:
    return outcomes(newest, "cpu", [(name, "torch", params) for name, params in SMALL])


@pytest.mark.parametrize("place", range(len(SMALL)), ids=[f"{name}-{params}" for name, params in SMALL])
def test_torch_contender_computes_what_the_kernel_computes(place: int, on_the_host: list[Outcome]) -> None:
    name, params = SMALL[place]
    assert faults_of(name, params, on_the_host[place]) == []


def test_rms_norm_is_written_by_hand_for_a_pytorch_without_it(newest: Build) -> None:
    params = {"M": 4, "N": 256}
    hidden = "import torch; del torch.nn.functional.rms_norm"
    (found,) = outcomes(newest, "cpu", [("rms_norm", "torch", params)], first=hidden)
    assert faults_of("rms_norm", params, found) == []


def test_torch_contender_of_every_kernel_is_tried() -> None:
    assert {name for name, _ in SMALL} == set(zoo_names())


@pytest.mark.gpu
@pytest.mark.parametrize("contender", ["torch", "triton"])
def test_contenders_compute_what_the_kernels_compute_on_the_gpu(contender: str, newest: Build) -> None:
    gpu = find_gpu()
    if gpu is None:
        pytest.skip("no GPU on this machine")
    asked = f"import torch, {contender}; raise SystemExit(not torch.cuda.is_available())"
    if subprocess.run([newest.python, "-I", "-c", asked], capture_output=True).returncode != 0:
        pytest.skip(f"{newest.name} has no {contender} that finds the GPU")
    takes = [
        (name, params)
        for name, params in [*((name, dict[str, Any]()) for name in zoo_names()), *ODD]
        if name == "cpu_gemm" or load_zoo_kernel(name).unsupported(gpu.target) is None
    ]
    cases = [(name, contender, params) for name, params in takes if contender in load_zoo_kernel(name).contenders]
    found = outcomes(newest, "cuda", cases)
    faults = {
        f"{name} {params}": faults_of(name, params, one) for (name, _, params), one in zip(cases, found, strict=True)
    }
    assert {case: fault for case, fault in faults.items() if fault} == {}
