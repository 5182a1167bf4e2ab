"""Scripts run on stand-ins, in a real TileLang: every kernel they compile is captured, and they end as they do."""

from __future__ import annotations

from pathlib import Path

import pytest
from scriptkit import QUIET, Run, names_of, runner

from scaffold.builds.probing import own_folder
from scaffold.builds.serving import ProbeServer
from scaffold.builds.store import BuildStore
from scaffold.builds.workspace import Workspace

EAGER = """
import torch, tilelang, tilelang.language as T
@tilelang.jit
def scale(A, by: int = 2):
    M, N = T.const("M, N")
    A: T.Tensor[[M, N], T.float16]
    B = T.empty([M, N], T.float16)
    C = T.empty([N], T.float32)
    with T.Kernel(M, threads=128) as bx:
        for i in T.Parallel(N):
            B[bx, i] = A[bx, i] * T.cast(by, "float16")
        if bx == 0:
            for i in T.Parallel(N):
                C[i] = 0
    return B, C
b, c = scale(torch.randn(8, 256, device="cuda", dtype=torch.float16), by=3)
assert (b.shape, b.dtype, c.shape, b.is_cuda) == ((8, 256), torch.float16, (256,), True)
"""


#: Scripts by the way in which they come to their kernels, and the kernels.
WAYS = {
    "a jit function that returns a kernel": (
        """
        import torch
        from kernels import add
        a = torch.randn(1024, device="cuda")
        for _ in range(3):
            c = add(1024)(a, a)
        assert c.shape == (1024,) and c.is_cuda and "main_kernel" in add(1024).get_kernel_source()
        add(2048, block=256)
        """,
        ["add", "add-2"],
    ),
    "a jit function that is called with tensors": (EAGER, ["scale"]),
    "compile, lower and par_compile": (
        """
        import torch, tilelang
        from kernels import add, copy
        k = tilelang.compile(copy(1024), out_idx=-1, target="cuda")
        assert k(torch.zeros(1024, device="cuda").half()).shape == (1024,)
        assert "plain_kernel" in tilelang.lower(copy(2048)).kernel_source
        assert len(tilelang.par_compile([copy(128 * n) for n in (1, 3, 5)], out_idx=[-1])) == 3
        assert len(add.par_compile([(512,), {"N": 768}])) == 2
        """,
        ["plain", "plain-2", "plain-3", "plain-4", "plain-5", "add", "add-2"],
    ),
    "tuning, by decorator and by hand": (
        """
        import torch, tilelang, tilelang.language as T
        from tilelang.autotuner import AutoTuner
        @tilelang.autotune(configs=lambda *_, **__: [{"block": 32 << n} for n in range(2)])
        @tilelang.jit(out_idx=[-1])
        def tuned(N, block=64):
            @T.prim_func
            def main(A: T.Tensor((N,), "float32"), B: T.Tensor((N,), "float32")):
                with T.Kernel(T.ceildiv(N, block), threads=32) as bx:
                    for i in T.Parallel(block):
                        B[bx * block + i] = A[bx * block + i]
            return main
        assert tuned(256).config == {"block": 32}
        assert tuned(512).latency > 0
        tuned(256, block=128)
        def by_hand(n=1):
            from kernels import copy
            return copy(128 * n)
        tuner = AutoTuner.from_kernel(kernel=by_hand, configs=[{"n": 7}, {"n": 9}]).set_compile_args(out_idx=[-1])
        assert tuner.run(warmup=3, rep=20).config == {"n": 7}
        """,
        ["tuned", "tuned-2", "tuned-3", "plain"],
    ),
    "in a backward pass": (
        """
        import torch
        from kernels import add
        class Sum(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return add(1024)(x, x)
            @staticmethod
            def backward(ctx, grad):
                assert grad.is_cuda
                return add(1024, block=256)(grad, ctx.saved_tensors[0])
        x = torch.randn(1024, device="cuda", requires_grad=True)
        Sum.apply(x).sum().backward()
        assert x.grad.shape == (1024,)
        """,
        ["add", "add-2"],
    ),
    "in operators registered with PyTorch, of any size": (
        """
        import torch
        from kernels import add
        @torch.library.custom_op("kit::doubled", mutates_args=())
        def doubled(x: torch.Tensor) -> torch.Tensor:
            assert x.is_cuda
            return add(x.numel())(x, x)
        @doubled.register_fake
        def _(x):
            return torch.empty_like(x)
        @torch.library.triton_op("kit::tripled", mutates_args={"out"})
        def tripled(x: torch.Tensor, out: torch.Tensor) -> None:
            add(x.numel(), block=256)(x, x)
        library = torch.library.Library("kit_of_old", "DEF")
        library.define("halved(Tensor x) -> Tensor")
        library.impl("halved", lambda x: add(x.numel(), block=64)(x, x), "CUDA")
        class Sum(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return add(x.numel(), block=512)(x, x)
            @staticmethod
            def backward(ctx, grad):
                return grad
        x = torch.randn(1 << 20, device="cuda")
        y = doubled(x)
        assert y.shape == x.shape and y.is_cuda
        tripled(x, y)
        assert torch.ops.kit_of_old.halved(x).is_cuda
        assert Sum.apply(x.requires_grad_()).shape == x.shape
        """,
        ["add", "add-2", "add-3", "add-4"],
    ),
    "inside what is benchmarked": (
        """
        import torch
        from kernels import add
        from tilelang.profiler import do_bench
        a = torch.randn(1024, device="cuda")
        assert do_bench(lambda: add(1024)(a, a)) == 1.0
        assert do_bench(lambda: add(512)(a[:512], a[:512]), quantiles=[0.5, 0.2, 0.8]) == [1.0, 1.0, 1.0]
        profiler = add(1024).get_profiler()
        assert profiler.do_bench(warmup=5) == 1.0
        profiler.assert_allclose(lambda a, b: a * b)
        """,
        ["add", "add-2"],
    ),
    "in threads": (
        """
        import threading, torch
        from kernels import add
        def work(n):
            a = torch.randn(n, device="cuda")
            assert add(n)(a, a).is_cuda
        for n in (3072, 1024, 2048):
            threading.Thread(target=work, args=(n,)).start()
        """,
        ["add", "add-2", "add-3"],
    ),
    "in processes, forked and spawned": (
        """
        import os, multiprocessing, torch
        from kernels import add
        def work(rank, n):
            add(n)(*2 * [torch.ones(n, device=f"cuda:{rank}")])
        if __name__ == "__main__":
            import torch.multiprocessing
            torch.multiprocessing.spawn(work, args=(1024,), nprocs=2)
            context = multiprocessing.get_context("spawn")
            other = context.Process(target=work, args=(0, 2048))
            other.start(); other.join()
            assert other.exitcode == 0
            pid = os.fork()
            add(256 if pid else 512)
            if pid: os.waitpid(pid, 0)
        """,
        ["add", "add-2", "add-3", "add-4"],
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_kernel_is_captured(way: str, run: Run) -> None:
    source, expected = WAYS[way]
    ran = run(source)
    assert (ran.stopped, ran.passed_over, ran.missing) == (None, (), ())
    assert names_of(ran) == expected
    assert ran.whole
    assert "kernels.py" in {Path(path).name for path in ran.files} or way.endswith("with tensors")


def test_kernels_of_threads_are_named_by_their_parameters(run: Run) -> None:
    kernels = [item.file.trace.kernel for item in run(WAYS["in threads"][0]).kernels]
    assert [kernel.parameters["N"] for kernel in kernels] == [1024, 2048, 3072]


def test_stand_ins_answer_as_tensors_on_a_gpu_would(run: Run) -> None:
    """Each line would be passed over if it did not hold."""
    ran = run("""
        import copy, torch
        from kernels import add
        cuda = torch.device("cuda", 0)
        a, b = torch.randn(1024, device="cuda"), torch.randn(8, 8).cuda()
        assert str(torch.device("cuda")) == "cuda" and a.device == b.device == cuda
        assert torch.cuda.get_device_capability() == (9, 0) and "H100" in torch.cuda.get_device_name(0)
        assert torch.cuda.get_device_properties(0).multi_processor_count == 132
        assert (b @ b).is_cuda and b.cpu().device.type == "cpu" and b.is_cuda and b.to(torch.half).is_cuda
        assert torch.zeros(2).to(b).is_cuda and b.new_zeros(2).is_cuda and b.new_tensor([1]).is_cuda
        with torch.device("cuda"):
            assert torch.zeros(2).is_cuda
        torch.set_default_device("cuda")
        assert torch.arange(3).is_cuda and torch.arange(3).tolist() == [0, 1, 2]
        torch.set_default_device("cpu")
        assert not torch.arange(3).is_cuda
        lengths = torch.tensor([5, 7, 2], dtype=torch.int32, device="cuda")
        starts = torch.nn.functional.pad(lengths.cumsum(0), (1, 0))
        assert starts.tolist() == [0, 5, 12, 14] and int(starts[-1]) == 14 and lengths.max().item() == 7
        assert lengths.cpu().numpy().sum() == 14 and lengths[lengths > 4].tolist() == [5, 7]
        table = torch.full((2, 3), -1, device="cuda"); table[1, :2] = torch.tensor([4, 6])
        assert table.tolist() == [[-1, -1, -1], [4, 6, -1]]
        out = add(1024)(a, a)
        torch.testing.assert_close(out, a * 3)
        assert torch.allclose(out, a * 3) and out.sum().item() == 1.0
        stream, event = torch.cuda.Stream(), torch.cuda.Event(enable_timing=True)
        with torch.cuda.stream(stream), torch.cuda.device(0):
            event.record()
        assert event.elapsed_time(event) == 1.0
        with torch.cuda.graph(torch.cuda.CUDAGraph()):
            add(1024)(a, a)
        generator = torch.Generator(device="cuda").manual_seed(3)
        assert torch.randint(0, 10, (4,), generator=generator, device="cuda").tolist() == [6, 8, 7, 7]
        assert torch.ones(2).pin_memory().numpy().tolist() == [1.0, 1.0]
        net = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.LayerNorm(16)).half().cuda()
        assert net[0].weight.is_cuda and copy.deepcopy(net)[0].weight.dtype == torch.half
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        net(b.half()).float().sum().backward()
        optimizer.step()
        assert net[0].weight.grad.shape == (16, 8)
        assert torch.compile(lambda x: x + 1)(a).is_cuda
        torch.manual_seed(0); torch.cuda.synchronize(); torch.cuda.empty_cache()
        print(a, out, b[:2])
    """)
    assert (ran.stopped, ran.passed_over) == (None, ())
    assert names_of(ran) == ["add"]


def test_what_a_kernel_wrote_is_unknown_and_what_it_read_is_not(run: Run) -> None:
    ran = run("""
        import torch, tilelang
        from kernels import copy
        k = tilelang.compile(copy(256, "int32"))
        source, target = torch.arange(256, dtype=torch.int32).cuda(), torch.zeros(256, dtype=torch.int32).cuda()
        k(source, target)
        assert source.tolist()[-1] == 255
        target.tolist()
    """)
    assert [(item.line, item.error) for item in ran.passed_over] == [(8, "ValueUnknownError")]


def test_shapes_of_outputs_follow_the_inputs(run: Run) -> None:
    ran = run("""
        import torch, tilelang, tilelang.language as T
        @tilelang.jit(out_idx=[-2, -1])
        def grow():
            m = T.dynamic("m")
            @T.prim_func
            def main(A: T.Tensor((m, 128), "float8_e4m3fn"), s: T.float32, n: T.int32,
                     B: T.Tensor((m * 2, 128), "float16"), C: T.Tensor((m,), "int8")):
                with T.Kernel(m, threads=128) as bx:
                    for i in T.Parallel(128):
                        B[bx * 2, i] = T.cast(A[bx, i], "float16") * T.cast(s, "float16")
                    C[bx] = T.cast(n, "int8")
            return main
        B, C = grow()(torch.randn(7, 128, device="cuda").to(torch.float8_e4m3fn), 2.0, 3)
        assert (B.shape, B.dtype, C.shape, C.dtype) == ((14, 128), torch.float16, (7,), torch.int8)
    """)
    assert (ran.stopped, ran.passed_over) == (None, ())
    assert names_of(ran) == ["grow"]


def test_target_is_the_one_asked_for_unless_the_script_names_another(run: Run) -> None:
    ran = run(
        """
        import tilelang, tvm
        from kernels import copy
        other = {"kind": "cuda", "arch": "sm_89"}
        for n, target in enumerate(("cuda", "auto", None, other, tvm.target.Target("cuda"))):
            tilelang.compile(copy(128 * (n + 1)), target=target)
        """,
        target="cuda:sm_80",
    )
    targets = [item.file.trace.kernel.target for item in ran.kernels]
    assert targets == ["cuda:sm_80"] * 3 + ["cuda:sm_89", "cuda:sm_80"]
    assert all(
        f'"arch":"{target[5:]}"' in item.file.trace.kernel.target_string
        for item, target in zip(ran.kernels, targets, strict=True)
    )


BROKEN = """
    import tilelang, tilelang.language as T
    from kernels import add
    @tilelang.jit(out_idx=[-1])
    def broken(N):
        @T.prim_func
        def main(A: T.Tensor((N, 128), "float16"), B: T.Tensor((N, 128), "float16")):
            with T.Kernel(1, threads=128):
                s = T.alloc_shared((128, 128), "float16")
                f = T.alloc_fragment((128, 128), "float16")
                T.gemm(s, s, f)
                for i, j in T.Parallel(128, 128):
                    f[i, j] = f[j, i]
                T.copy(f, B)
        return main
"""


def test_kernel_that_does_not_lower_is_told_and_the_script_goes_on(run: Run) -> None:
    ran = run(BROKEN + "    broken(128)\n    add(256)\n")
    broken, after = ran.kernels
    assert broken.file.trace.failure is not None
    assert broken.file.trace.failure.stage == "lowering"
    assert after.file.trace.failure is None


def test_script_with_an_answer_to_it_gets_to_see_it(run: Run) -> None:
    ran = run(BROKEN + "    try:\n        broken(128)\n        add(256)\n    except Exception:\n        add(512)\n")
    assert [item.file.trace.kernel.parameters.get("N") for item in ran.kernels] == [128, 512]


def test_kernel_made_of_what_is_not_installed_says_so(run: Run) -> None:
    ran = run("""
        from fla_that_is_not_there import sizes
        from kernels import add
        n = sizes()["N"]
        add(n)
        add(1024)
    """)
    assert names_of(ran) == ["add"]
    assert (ran.missing, ran.whole) == (("fla_that_is_not_there",), False)
    (not_built,) = ran.not_built
    assert (not_built.file, not_built.line, not_built.compiler) == ("script.py", 5, True)
    assert not_built.message.endswith("(its input came from fla_that_is_not_there, which is not installed)")


#: What TileLang's API of no release has, in a line of a script: the kind of error, the name, and what is added to it.
#: The rest is in Python's words, which differ from version to version.
NOT_IN_API = {
    "a member of an enumeration": (
        "O = {tilelang.PassConfigKey.TL_DISABLE_TMA_LOWERS: True}",
        "AttributeError",
        "TL_DISABLE_TMA_LOWERS",
        "(not found in PassConfigKey; similar: TL_DISABLE_TMA_LOWER",
    ),
    "a member by its value": (
        "O = {tilelang.PassConfigKey('tl.disable_tma_lowr'): True}",
        "ValueError",
        "tl.disable_tma_lowr",
        "(not found in PassConfigKey; similar: tl.",
    ),
    "a name of a module": (
        "from tilelang.transform import PassConfigKeys",
        "ImportError",
        "PassConfigKeys",
        "(not found in tilelang.transform;",
    ),
    "a module": (
        "import tilelang.transform_.simplify",
        "ModuleNotFoundError",
        "tilelang.transform_",
        "(not found in tilelang; similar: transform)",
    ),
    "a function of TVM": (
        "(lambda: tvm.target.Targett('cuda'))()",
        "AttributeError",
        "Targett",
        "(not found in tvm.target; similar: Target",
    ),
    "an argument": (
        "tilelang.compile(copy(512), out_index=-1)",
        "TypeError",
        "out_index",
        "(not found in compile(); similar: out_idx",
    ),
}


@pytest.mark.parametrize("what", NOT_IN_API)
def test_script_ends_where_the_api_lacks_something_as_in_python(what: str, run: Run) -> None:
    line, error, name, added = NOT_IN_API[what]
    ran = run(f"import tilelang, tvm\nfrom kernels import add, copy\ndef f():\n    {line}\nf()\nadd(1024)\n")
    assert (names_of(ran), ran.whole) == ([], False)
    (not_built,) = ran.not_built
    assert (not_built.file, not_built.line) == ("script.py", 4)
    said, separator, more = not_built.message.partition(" (not found")
    assert (not_built.error, name in said) == (error, True)
    assert f"{separator}{more}".strip().startswith(added)
    assert str(ran.stopped).endswith("(line 4)")


def test_script_with_an_answer_to_what_the_api_lacks_goes_on(run: Run) -> None:
    ran = run("""
        import tilelang
        from kernels import add
        try:
            from tilelang.gone import sizes
        except ImportError:
            sizes = [128]
        try:
            sizes += [tilelang.PassConfigKey.GONE]
        except Exception:
            sizes += [256]
        if hasattr(tilelang, "gone"):
            sizes += [384]
        for n in sizes:
            add(n)
    """)
    assert (ran.stopped, ran.passed_over) == (None, ())
    assert [item.file.trace.kernel.parameters["N"] for item in ran.kernels] == [128, 256]
    (note,) = ran.notes
    assert note.startswith("script.py:9: AttributeError: ")
    assert "GONE" in note
    assert note.endswith("(not found in PassConfigKey): the script caught it")


#: Statements that hand TileLang ``U``, of which nothing is known, or an index that no kernel has.
NOT_BUILT = (
    "tilelang.compile(copy(256), pass_configs=U)",
    "tilelang.compile(copy(256), pass_configs={'tl.disable_tma_lower': U})",
    "tilelang.compile(copy(256), out_idx=[U])",
    "tilelang.compile(copy(256), out_idx=[7])",
    "tilelang.lower(copy(256), target=U)",
    "tilelang.jit(lambda N: copy(N), pass_configs=U)(256)",
    "add(U + 128)",
    "tilelang.compile(copy(U))",
)


def test_kernel_is_not_built_of_what_nobody_knows(run: Run) -> None:
    statements = "\n".join(NOT_BUILT)
    ran = run(f"import tilelang, gone\nfrom kernels import add, copy\nU = gone.value()\n{statements}\nadd(1024)\n")
    assert names_of(ran) == ["add"]
    assert ran.kernels[0].file.trace.kernel.parameters["N"] == 1024
    assert {item.line for item in ran.not_built if item.file == "script.py"} == set(range(4, 12))
    assert all("gone, which is not installed" in item.message for item in ran.not_built if item.line != 7)


#: Scripts that do not come to their end after their kernel, and what is said of it.
ENDINGS = {
    "exits": ("import sys; sys.exit(3)", "it exited with 3"),
    "exits with words": ("raise SystemExit('no data')", "it exited: no data"),
    "exits well": ("raise SystemExit", None),
    "ends itself": ("import os; os._exit(0)", "it ended itself with exit code 0"),
    "crashes": ("import ctypes; ctypes.string_at(0)", "its process died of signal 11 (segmentation fault)"),
    "hangs": ("while True: pass", "did not end within 12 s"),
    "runs out of memory": ("import numpy; numpy.ones(1 << 45)", "out of memory"),
    "raises at its end": ("raise ValueError('done')", None),
    "wants arguments": (
        "import argparse; p = argparse.ArgumentParser(); p.add_argument('--n', required=True); p.parse_args()",
        "it needs arguments: the following arguments are required: --n",
    ),
}


@pytest.mark.parametrize("how", ENDINGS)
def test_script_that_ends_early_says_how_and_keeps_its_kernels(how: str, run: Run) -> None:
    code, stopped = ENDINGS[how]
    ran = run(f"from kernels import add\nadd(1024)\n{code}\n", timeout_s=12 if how == "hangs" else 60)
    assert names_of(ran) == ["add"]
    assert ran.stopped == stopped or (stopped is not None and str(ran.stopped).startswith(stopped))
    assert ran.whole == (stopped is None)
    assert ran.lasting == (how not in ("hangs", "crashes"))


def test_file_that_is_no_python_says_where(run: Run) -> None:
    assert run("def f(:\n").stopped == "SyntaxError: invalid syntax (script.py, line 1)"


def test_script_finds_what_it_is_used_to(run: Run, tmp_path: Path) -> None:
    """Arguments, a file beside it, a module of a folder it names, its own package, tabs and another encoding."""
    (tmp_path / "size.txt").write_text("512")
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "other.py").write_text("N = 256\n")
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "sizes.py").write_bytes(b"# -*- coding: latin-1 -*-\nif 1:\n\tN = len('\xe9') * 128\n")
    ran = run(
        """
        from .sizes import N
        import argparse, os, sys
        sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "lib"))
        sys.path.append("..")
        from kernels import add
        import other
        parser = argparse.ArgumentParser(); parser.add_argument("--n", type=int)
        if __name__ == "__main__":
            add(parser.parse_args().n); add(other.N); add(N)
            add(int(open("size.txt").read()))
            open("written.txt", "w").write("here")
        """,
        name="package/script.py",
        argv=("--n", "1024"),
    )
    (tmp_path / "package" / "size.txt").write_text("512")
    assert [item.error for item in ran.passed_over] == ["FileNotFoundError"]
    assert [item.file.trace.kernel.parameters["N"] for item in ran.kernels] == [1024, 256, 128]
    assert not list(tmp_path.rglob("written.txt"))


def test_file_beside_the_script_is_read_by_its_name(run: Run, tmp_path: Path) -> None:
    (tmp_path / "size.txt").write_text("512")
    ran = run(
        "from kernels import add\nimport pathlib\nadd(int(open('size.txt').read()))\n"
        "add(2 * int(pathlib.Path('size.txt').read_text()))\nopen('size.txt', 'w').write('0')\n"
    )
    assert [item.file.trace.kernel.parameters["N"] for item in ran.kernels] == [512, 1024]
    assert (tmp_path / "size.txt").read_text() == "512"


@pytest.mark.parametrize("version", ["0.1.8", "0.1.9", "0.1.11", "0.1.13"])
def test_release_is_captured_script_by_script(
    version: str, store: BuildStore, workspace: Workspace, tmp_path: Path
) -> None:
    build = store.get(f"wheel:{version}")
    with ProbeServer(build, own_folder(workspace), QUIET) as server:
        run = runner(build, server, workspace, tmp_path)
        for way in ("compile, lower and par_compile", "tuning, by decorator and by hand", "inside what is benchmarked"):
            source, expected = WAYS[way]
            ran = run(source)
            assert (ran.stopped, ran.passed_over) == (None, ())
            assert names_of(ran) == expected
        ran = run(EAGER)
        assert (ran.stopped, ran.passed_over, names_of(ran)) == (None, (), ["scale"])
