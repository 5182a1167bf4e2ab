"""Reading nvcc, ptxas and nvdisasm; and what happens where one is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold.builds import machine_code
from scaffold.builds.machine_code import MachineCode, Toolchain, compile_cuda, parse_resources, tidy_sass
from scaffold.builds.workspace import Workspace
from scaffold.progress import Progress

QUIET = Progress(verbosity=-1)

#: What nvcc 13.0 said of two kernels of the zoo (one made to spill).
PTXAS = """\
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'gemm_kernel' for 'sm_90a'
ptxas info    : Function properties for gemm_kernel
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 240 registers, used 1 barriers, 1024 bytes smem
ptxas info    : Compile time = 79.980 ms
ptxas info    : Compiling entry function 'clear_kernel' for 'sm_90a'
ptxas info    : Function properties for clear_kernel
    16 bytes stack frame, 12 bytes spill stores, 8 bytes spill loads
ptxas info    : Used 32 registers, used 0 barriers
"""

#: The form of nvdisasm's output: sections before the code, addresses, labels, predicated instructions, padding.
NVDISASM = """\
\t.headerflags\t@"EF_CUDA_SM90"
\t.section\t.nv.info,"",@"SHT_CUDA_INFO"
\t.align\t4
\t.byte\t0x04
//--------------------- .text.gemm_kernel          --------------------------
\t.section\t.text.gemm_kernel,"ax",@progbits
\t.align\t128
        .global         gemm_kernel
.text.gemm_kernel:
        /*0000*/                   LDC R1, c[0x0][0x28] ;
        /*0010*/                   S2R R0, SR_TID.X ;
        /*0020*/              @!P0 BRA `(.L_x_1) ;
.L_x_1:
        /*0030*/                   EXIT ;
        /*0040*/                   NOP;
"""


def test_parse_resources_reads_every_kernel() -> None:
    clear, gemm = parse_resources(PTXAS, None)
    assert (gemm.function, gemm.registers, gemm.static_shared_bytes) == ("gemm_kernel", 240, 1024)
    assert (gemm.spill_store_bytes, gemm.spill_load_bytes, gemm.stack_bytes) == (0, 0, 0)
    assert (clear.spill_store_bytes, clear.spill_load_bytes, clear.stack_bytes) == (12, 8, 16)
    assert clear.static_shared_bytes == 0
    assert gemm.sass_instructions is None


def test_tidy_sass_drops_addresses_and_sections_and_keeps_labels() -> None:
    text = tidy_sass(NVDISASM)
    assert "/*00" not in text
    assert ".section" not in text
    assert ".byte" not in text
    assert ".L_x_1:" in text
    assert "@!P0 BRA `(.L_x_1) ;" in text


def test_parse_resources_counts_instructions_without_padding() -> None:
    _, gemm = parse_resources(PTXAS, tidy_sass(NVDISASM))
    assert gemm.sass_instructions == 4


def compile_with(
    toolchain: Toolchain, workspace: Workspace, source: str = "int x;", **configs: bool | str
) -> MachineCode:
    return compile_cuda(
        source,
        arch="sm_90a",
        include_dirs=[str(workspace.root / "src")],
        pass_configs=configs,
        headers_key="headers",
        toolchain=toolchain,
        workspace=workspace,
        progress=QUIET,
    )


def test_compile_cuda_without_nvcc_says_what_to_install(tmp_path: Path) -> None:
    made = compile_with(Toolchain(None, None), Workspace(tmp_path))
    assert made.ptx is None
    assert made.missing is not None
    assert "pip install nvidia-cuda-nvcc" in made.missing


def fake_nvcc(folder: Path, *, exit_code: int = 0) -> Path:
    """A stand-in that writes what nvcc leaves behind, and counts its calls."""
    script = folder / "nvcc"
    script.write_text(
        "#!/bin/sh\n"
        f"echo call >> {folder}/calls\n"
        'while [ "$1" != "--keep-dir" ]; do shift; done; dir=$2\n'
        'printf "// made by nobody\\n.version 9.0\\n" > $dir/kernel.ptx; echo cubin > $dir/kernel.cubin\n'
        f"cat <<'END'\n{PTXAS}END\n"
        f'[ {exit_code} = 0 ] || echo "$dir/kernel.cu(3): error: no such thing"\nexit {exit_code}\n'
    )
    script.chmod(0o755)
    return script


def test_compile_cuda_compiles_equal_input_once(tmp_path: Path) -> None:
    toolchain = Toolchain(fake_nvcc(tmp_path), None)
    workspace = Workspace(tmp_path / "ws")
    first, second = (compile_with(toolchain, workspace) for _ in range(2))
    assert first == second
    assert first.ptx == ".version 9.0\n"
    assert first.missing_sass is not None
    assert "nvdisasm" in first.missing_sass
    assert (tmp_path / "calls").read_text().count("call") == 1


@pytest.mark.parametrize("other", [{"source": "int y;"}, {"tl.enable_fast_math": True}])
def test_compile_cuda_compiles_other_input_again(tmp_path: Path, other: dict[str, str]) -> None:
    toolchain = Toolchain(fake_nvcc(tmp_path), None)
    workspace = Workspace(tmp_path / "ws")
    compile_with(toolchain, workspace)
    compile_with(toolchain, workspace, **other)
    assert (tmp_path / "calls").read_text().count("call") == 2


def test_compile_cuda_compiles_again_when_a_header_of_tilelang_was_edited(tmp_path: Path) -> None:
    toolchain = Toolchain(fake_nvcc(tmp_path), None)
    workspace = Workspace(tmp_path / "ws")
    header = workspace.root / "src/tl_templates/cuda/gemm.h"
    header.parent.mkdir(parents=True)
    for text in ("// one\n", "// edited\n", "// edited\n"):
        header.write_text(text)
        compile_with(toolchain, workspace)
    assert (tmp_path / "calls").read_text().count("call") == 2


def test_compile_cuda_failing_says_the_first_error_and_is_not_kept(tmp_path: Path) -> None:
    toolchain = Toolchain(fake_nvcc(tmp_path, exit_code=1), None)
    workspace = Workspace(tmp_path / "ws")
    made = compile_with(toolchain, workspace)
    assert made.missing == "nvcc failed: kernel.cu(3): error: no such thing"
    compile_with(toolchain, workspace)
    assert (tmp_path / "calls").read_text().count("call") == 2


def test_options_name_the_arch_specific_target_and_follow_pass_configs() -> None:
    options = machine_code._default_options(
        "sm_90a", {"tl.enable_fast_math": True, "tl.device_compile_flags": "-G -DX=1"}
    )
    assert "arch=compute_90a,code=sm_90a" in options
    assert {"--use_fast_math", "-G", "-DX=1"} <= set(options)
