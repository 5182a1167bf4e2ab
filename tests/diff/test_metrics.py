"""The numbers of hand-written modules, in both spellings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.diff.metrics import MetricDelta, Metrics, measure, metric_deltas

TIR = """\
# from tvm.script import tir as T
@I.ir_module
class Module:
    @T.prim_func
    def main(A: T.Buffer((1024,), "float16")):
        for bx in T.thread_binding(8, thread="blockIdx.x"):
            for by in T.thread_binding(4, thread="blockIdx.y"):
                for tx in T.thread_binding(128, thread="threadIdx.x"):
                    with T.block("root"):
                        A_shared = T.alloc_buffer((2, 64, 32), "float16", scope="shared.dyn")
                        C_local = T.alloc_buffer((128,), scope="local")
                        B_flat = T.allocate([4096], "int8", "shared")
                        for k in T.serial(32):
                            for i, j in T.grid(4, 4):
                                for v in T.vectorized(8):
                                    A_shared[0, i, v] = A[k]
                        for u in T.unroll(4):
                            T.ptx_cp_async("float16", A_shared.data, 0, A.data, 0, 16)
                        T.ptx_commit_group()
                        T.tvm_storage_sync("shared")
                        T.ptx_mma("m16n8k16", "row", "col", "fp16", "fp16", "fp32", A.data)
                        T.tvm_mma_sync(C.data, 0)
"""

TIRX = """\
@I.ir_module
class Module:
    @T.prim_func
    def gemm_kernel(A_desc: T.handle("uint8x128", "grid_constant")):
        bx = T.launch_thread("blockIdx.x", 8)
        by = T.launch_thread("blockIdx.y", 2)
        tx = T.launch_thread("threadIdx.x", 256)
        ty = T.launch_thread("threadIdx.y", 1)
        with T.sblock("root"):
            A_shared = T.sblock_alloc_buffer((3, 128, 32), "float16", data=A_shared.data, scope="shared.dyn")
            mbarrier = T.alloc_buffer((6,), "uint64", scope="shared.barrier")
            desc = T.alloc_buffer((1,), "uint64", scope="local.descriptor.wgmma")
            scale = T.alloc_buffer((128,), "float8_e4m3fn", scope="local")
            T.fill(T.region(C_local[0, 0], 2, 128, 128), 0)
            T.tma_copy(T.region(A[0, 0], 1, 128, 32), T.region(A_shared[0, 0, 0], 2, 1, 128, 32))
            for k in range(32):
                T.mbarrier_wait_parity(mbarrier[0], 0)
                T.tma_load(A_desc, mbarrier[0], T.address_of(A_shared[0]), k * 32, 0)
                T.tma_store(A_desc, T.address_of(A_shared[0]), 0)
                for i in T.unroll(2):
                    T.ptx_wgmma_ss("m64n128k16", T.bool(True), desc.data)
            for k in T.Pipelined(4, num_stages=2):
                T.gemm(T.region(A_shared[0, 0], 1, 128, 32), T.region(B[0], 1), T.region(C[0], 3))
            for p in T.parallel(4):
                C[p] = T.access_ptr(1)
        T.tcgen05_mma_ss(desc.data)
"""


def test_measure_tir_spelling() -> None:
    metrics = measure(TIR)
    assert metrics.loops == {"thread": 3, "serial": 3, "vectorized": 1, "unroll": 1}
    assert metrics.grid == (8, 4, 1)
    assert metrics.threads == 128
    assert metrics.buffers == {"shared.dyn": 1, "local": 1, "shared": 1}
    assert metrics.buffer_bytes == {"shared.dyn": 2 * 64 * 32 * 2, "local": 128 * 4, "shared": 4096}
    assert metrics.operations == {
        "tile operations": 0,
        "barriers": 1,
        "async copies": 1,
        "TMA operations": 0,
        "MMA operations": 2,
    }


def test_measure_tirx_spelling() -> None:
    metrics = measure(TIRX)
    assert metrics.loops == {"serial": 1, "unroll": 1, "pipelined": 1, "parallel": 1}
    assert metrics.grid == (8, 2, 1)
    assert metrics.threads == 256
    assert metrics.buffers == {"shared.dyn": 1, "shared.barrier": 1, "local.descriptor.wgmma": 1, "local": 1}
    assert metrics.buffer_bytes == {
        "shared.dyn": 3 * 128 * 32 * 2,
        "shared.barrier": 48,
        "local.descriptor.wgmma": 8,
        "local": 128,
    }
    assert metrics.operations == {
        "tile operations": 3,
        "barriers": 1,
        "async copies": 0,
        "TMA operations": 2,
        "MMA operations": 2,
    }


def test_measure_counts_lines_without_the_comments_and_blank_lines() -> None:
    assert measure("# Layout#3e003954 = Layout(_i)\n\nx = 1\n    y = 2\n").lines == 2


@pytest.mark.parametrize(
    ("statement", "operation"),
    [
        ('T.sync_threads("shared")', "barriers"),
        ('T.tvm_storage_sync("shared.dyn")', "barriers"),
        ("T.ptx_arrive_barrier(m[0])", "barriers"),
        ("T.ptx_cp_async_barrier(m[0])", "async copies"),
        ("T.cp_async_wait(0)", "async copies"),
        ("T.tma_load_im2col(d, 0)", "TMA operations"),
        ("T.tma_reduce(d, 0)", "TMA operations"),
        ('T.tvm_mfma("f32", a)', "MMA operations"),
        ("T.ptx_ldmatrix(a)", None),
        ("T.create_tma_descriptor(6)", None),
        ("T.simdgroup_multiply_accumulate(a)", "MMA operations"),
        ("T.copy(T.region(A[0], 1), T.region(B[0], 2))", "tile operations"),
        ("T.reduce(A[0, 0], T.region(B[0], 2))", "tile operations"),
        ("T.address_of(T.region(A[0], 1))", None),
    ],
)
def test_measure_one_operation_is_counted_under_its_kind(statement: str, operation: str | None) -> None:
    found = {name for name, count in measure(f"        {statement}\n").operations.items() if count}
    assert operation in found if operation else not found


@pytest.mark.parametrize(
    ("dtype", "size"),
    [
        ("float16", 2),
        ("bfloat16", 2),
        ("float32", 4),
        ("float64", 8),
        ("float8_e4m3fn", 1),
        ("float16x2", 4),
        ("uint8x16", 16),
        ("int4", 1),
        ("bool", 1),
        ("float8_e5m2x4", 4),
    ],
)
def test_measure_bytes_of_a_buffer_follow_its_dtype(dtype: str, size: int) -> None:
    shape = (1,)
    body = f'    x = T.alloc_buffer(({shape[0]},), "{dtype}", scope="shared")\n'
    assert measure(body).buffer_bytes == {"shared": size}


def test_measure_packed_elements_round_up_once_for_the_whole_buffer() -> None:
    assert measure('    x = T.alloc_buffer((3,), "int4", scope="local")\n').buffer_bytes == {"local": 2}


def test_measure_without_threads_knows_no_grid() -> None:
    metrics = measure("    x = 1\n")
    assert (metrics.grid, metrics.threads) == ((), None)
    assert metrics.flat() == {"lines": 1}


def test_measure_launch_by_a_variable_says_no_grid_rather_than_a_wrong_one() -> None:
    body = '    bx = T.launch_thread("blockIdx.x", 8)\n    T.launch_thread(by, 4)\n'
    assert measure(body).grid == ()


def test_measure_extent_from_the_attributes_where_no_launch_is_printed() -> None:
    metrics = measure('    T.func_attr({"thread_extent": {"blockIdx.x": 8, "threadIdx.x": 256}})\n')
    assert (metrics.grid, metrics.threads) == ((8, 1, 1), 256)


def test_measure_launch_wins_over_the_attributes() -> None:
    body = '    T.func_attr({"thread_extent": {"threadIdx.x": 64}})\n    tx = T.launch_thread("threadIdx.x", 128)\n'
    assert measure(body).threads == 128


def test_flat_leaves_out_zeros_and_names_every_number() -> None:
    assert measure(TIR).flat() == {
        "lines": 21,
        "serial loops": 3,
        "thread loops": 3,
        "unroll loops": 1,
        "vectorized loops": 1,
        "blocks in the grid": 32,
        "threads per block": 128,
        "local buffers": 1,
        "shared buffers": 1,
        "shared.dyn buffers": 1,
        "local bytes": 512,
        "shared bytes": 4096,
        "shared.dyn bytes": 8192,
        "barriers": 1,
        "async copies": 1,
        "MMA operations": 2,
    }


def test_metric_deltas_name_what_differs_and_what_is_on_one_side_only() -> None:
    before = Metrics(lines=3, loops={"serial": 1, "unroll": 2})
    after = Metrics(lines=5, loops={"serial": 1, "vectorized": 4})
    assert metric_deltas(before, after) == (
        MetricDelta("lines", 3, 5),
        MetricDelta("unroll loops", 2, None),
        MetricDelta("vectorized loops", None, 4),
    )
    assert [item.delta for item in metric_deltas(before, after)] == [2, -2, 4]
    assert metric_deltas(before, before) == ()


@given(st.text(max_size=200))
def test_measure_takes_any_text(text: str) -> None:
    assert all(value > 0 for value in measure(text).flat().values())
