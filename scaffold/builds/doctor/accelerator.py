"""Rows for the GPU, its driver, and the toolkits that compile for it."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path

from scaffold.builds.doctor.interpreter import Torch
from scaffold.builds.doctor.model import Row, absent, missing, ok, warning
from scaffold.builds.gpu import Gpu, find_gpu
from scaffold.builds.machine import CudaToolkit

_NVIDIA, _AMD = "0x10de", "0x1002"
_MAKERS = {_NVIDIA: "NVIDIA", _AMD: "AMD"}


@dataclass(frozen=True)
class Gpus:
    """``gpu`` answers; ``silent`` names makers of GPUs on the PCI bus where none does, ``trouble`` the driver's word.

    ``driver_cuda`` is the newest CUDA the driver runs ("13.0"), empty where it does not say.
    """

    gpu: Gpu | None
    driver_cuda: str = ""
    silent: tuple[str, ...] = ()
    trouble: str = ""


def look_at_gpus() -> Gpus:
    gpu = find_gpu()
    driver_cuda, trouble = _ask_nvml()
    if gpu is not None:
        return Gpus(gpu, driver_cuda)
    return Gpus(None, driver_cuda, silent_gpus(Path("/sys/bus/pci/devices")), trouble)


def _ask_nvml() -> tuple[str, str]:
    """The newest CUDA of NVIDIA's driver, and what is wrong with it where it is installed and does not answer."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        absent_library = getattr(error, "value", None) == pynvml.NVML_ERROR_LIBRARY_NOT_FOUND
        return "", "" if absent_library else str(error)
    try:
        number = int(pynvml.nvmlSystemGetCudaDriverVersion())
        return f"{number // 1000}.{number % 1000 // 10}", ""
    except pynvml.NVMLError:
        return "", ""
    finally:
        with contextlib.suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def silent_gpus(devices: Path) -> tuple[str, ...]:
    """Makers of the display controllers (PCI class 0x03) and 3D accelerators (0x12) on the bus."""
    found = set()
    for device in devices.glob("*"):
        with contextlib.suppress(OSError):
            vendor = (device / "vendor").read_text(encoding="ascii").strip()
            kind = (device / "class").read_text(encoding="ascii").strip()
            if vendor in _MAKERS and kind.startswith(("0x03", "0x12")):
                found.add(_MAKERS[vendor])
    return tuple(sorted(found))


def gpu_row(gpus: Gpus) -> Row:
    """A GPU is needed to run; lowering is pinned to an arch and needs none."""
    if gpus.gpu is not None:
        cuda = f", runs CUDA up to {gpus.driver_cuda}" if gpus.driver_cuda else ""
        return ok(f"{gpus.gpu.name} ({gpus.gpu.target}), driver {gpus.gpu.driver}{cuda}")
    if sys.platform == "darwin":
        return absent("no CUDA or ROCm on macOS; see Metal")
    if gpus.silent or gpus.trouble:
        found = " and ".join(gpus.silent) or "NVIDIA"
        said = f": {gpus.trouble}" if gpus.trouble else ""
        fix = (
            "install the amdgpu driver, or give the container /dev/kfd and /dev/dri"
            if gpus.silent == ("AMD",)
            else "nvidia-smi (says what is wrong); in a container: docker run --gpus all …"
        )
        return missing(
            f"a GPU of {found} is here, but its driver does not answer{said}", fix, lack="no GPU driver", steps=("run",)
        )
    return missing(
        "none; kernels are lowered for a GPU you name (--target), and not run", lack="no GPU", steps=("run",)
    )


def metal_row(platform: str = sys.platform, *, metal: str | None = None) -> Row:
    """``metal``: path of Apple's Metal compiler, where there is one."""
    if platform != "darwin":
        return absent("not macOS")
    if metal is None:
        return warning("no Metal compiler: xcrun finds none", "xcode-select --install")
    return ok(metal)


def nvcc_row(toolkits: tuple[CudaToolkit, ...], failing: str, gpu: Gpu | None, python: str) -> Row:
    """TileLang calls nvcc for every CUDA kernel it runs.

    Parameters
    ----------
    toolkits
        The machine's and pip's, those that answer, the one that counts first.
    failing
        An nvcc that is there and does not answer, with why.
    python
        The interpreter to install pip's nvcc into.
    """
    install = f"{python} -m pip install nvidia-cuda-nvcc nvidia-cuda-cccl"
    if toolkits:
        chosen = toolkits[0]
        where = f"{chosen.nvcc} (from pip)" if chosen.origin == "pip" else str(chosen.nvcc)
        others = "".join(f"; {other.version} in {other.root}" for other in toolkits[1:])
        if failing:
            return warning(
                f"{chosen.version}, {where}; but the first on PATH is {failing}", f"export CUDA_HOME={chosen.root}"
            )
        return ok(f"{chosen.version}, {where}{others}")
    broken = failing.partition(": ")[0]
    fix = f"mend or remove {broken}; or {install}" if failing else install
    found = failing or "none"
    if gpu is not None and gpu.target.startswith("cuda"):
        return missing(f"{found}; TileLang compiles CUDA kernels with it", fix, lack="no nvcc", steps=("run",))
    return warning(f"{found}: no machine code (PTX, SASS) in reports", fix)


def cuda_home_row(named: dict[str, str], toolkit: CudaToolkit | None) -> Row:
    """``CUDA_HOME`` and ``CUDA_PATH`` as set; TileLang believes them before all else."""
    wrong = {name: value for name, value in named.items() if toolkit is None or Path(value) != toolkit.root}
    if not named:
        return absent("not set")
    if wrong:
        said = ", ".join(f"{name}={value}" for name, value in wrong.items())
        return warning(f"{said} has no nvcc that runs; TileLang believes it all the same", f"unset {' '.join(wrong)}")
    return ok(", ".join(f"{name}={value}" for name, value in named.items()))


def nvrtc_row(toolkits: tuple[CudaToolkit, ...], pip_header: Path | None) -> Row:
    """``nvrtc.h``, which a CUDA build of TileLang compiles against."""
    for toolkit in toolkits:
        if toolkit.nvrtc_header is not None:
            return ok(str(toolkit.nvrtc_header))
    if pip_header is not None:
        return ok(f"{pip_header} (from pip)")
    where = f"not in {toolkits[0].root}" if toolkits else "none here"
    return ok(f"{where}; a build takes it from pip's nvidia-cuda-nvrtc")


def cuda_of_torch_row(toolkit: CudaToolkit | None, torch: Torch | None, python: str) -> Row:
    """PyTorch and what nvcc links load one CUDA runtime into one process, so their major versions must agree."""
    if toolkit is None or torch is None or not torch.cuda:
        return absent("no PyTorch with CUDA here" if toolkit else "no nvcc here")
    ours, theirs = toolkit.version.partition(".")[0], torch.cuda.partition(".")[0]
    if ours != theirs:
        fix = f"{python} -m pip install 'nvidia-cuda-nvcc=={theirs}.*' 'nvidia-cuda-cccl=={theirs}.*'"
        if int(theirs) < 13:
            # CUDA 12's wheel on PyPI holds ptxas and no nvcc.
            fix = f"install CUDA {theirs} from NVIDIA, then export CUDA_HOME=/usr/local/cuda-{torch.cuda}"
        return warning(f"nvcc is CUDA {toolkit.version}, PyTorch {torch.version} is CUDA {torch.cuda}", fix)
    return ok(f"nvcc {toolkit.version} and PyTorch's CUDA {torch.cuda}")


def rocm_row(root: Path | None, gpu: Gpu | None) -> Row:
    """ROCm is needed to run on AMD's GPUs only."""
    if root is not None:
        return ok(str(root))
    if gpu is not None and gpu.target.startswith("hip"):
        return missing(
            "none, and the GPU is AMD's",
            "install ROCm (rocm.docs.amd.com), then export ROCM_PATH=/opt/rocm",
            lack="no ROCm",
            steps=("run",),
        )
    return absent("none; only AMD's GPUs need it")


def torch_row(torch: Torch | None, trouble: str, gpus: Gpus, python: str) -> Row:
    """The PyTorch of the interpreter that ran the command; a build may reuse it.

    ``trouble`` is why it does not import; ``torch`` is ``None`` then, and where there is none.
    """
    if trouble:
        return warning(
            f"PyTorch in {python} does not import: {trouble}", f"{python} -m pip install --force-reinstall torch"
        )
    if torch is None:
        return absent(f"none in {python}; a build brings its own")
    built_for = f"CUDA {torch.cuda}" if torch.cuda else f"ROCm {torch.hip}" if torch.hip else "CPU only"
    found = f"{torch.version} ({built_for}), in {python}"
    if gpus.gpu is None or torch.sees_gpu:
        return ok(found)
    if not torch.cuda and not torch.hip:
        return warning(f"{found}, while this machine has a GPU", f"{python} -m pip install --force-reinstall torch")
    if gpus.driver_cuda and torch.cuda and int(torch.cuda.partition(".")[0]) > int(gpus.driver_cuda.partition(".")[0]):
        index = "https://download.pytorch.org/whl/cu126"
        return warning(
            f"{found}: too new for the driver, which runs CUDA up to {gpus.driver_cuda}",
            f"{python} -m pip install --force-reinstall torch --index-url {index}",
        )
    return warning(f"{found}: it sees no GPU, while the driver does", f"{python} -c 'import torch; torch.cuda.init()'")
