"""2-D convolution as an implicit matrix product: patches are gathered tile by tile and never written out (NHWC)."""

# No postponed annotations: TileLang looks their names up among those that the kernel's body uses, and some are not.
from collections.abc import Callable, Sequence
from typing import Any

from scaffold.kernels.model import Params, Tensor, Tolerance, ZooKernel, require
from scaffold.kernels.zoo._checks import (
    require_matrix_tile,
    require_one_of,
    require_positive,
    require_stages,
    require_threads,
    require_tile,
)
from scaffold.kernels.zoo._targets import needs_thread_blocks


def output_size(extent: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    return (extent + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def build(
    batch: int = 4,
    height: int = 32,
    width: int = 32,
    channels: int = 128,
    filters: int = 128,
    kernel: int = 3,
    stride: int = 1,
    padding: int = 1,
    dilation: int = 1,
    block_M: int = 64,
    block_N: int = 128,
    block_K: int = 32,
    num_stages: int = 2,
    threads: int = 128,
    dtype: str = "float16",
) -> Any:
    import tilelang.language as T

    out_height = output_size(height, kernel, stride, padding, dilation)
    out_width = output_size(width, kernel, stride, padding, dilation)
    pixels = batch * out_height * out_width
    depth = kernel * kernel * channels

    # Functions rather than names bound in the loop: the software pipeliner of some releases chokes on the latter.
    def tap(k: Any) -> tuple[Any, Any]:
        """Row and column of the filter at step ``k``: just one, because block_K divides channels."""
        index = k * block_K // channels
        return index // kernel, index % kernel

    def channel(k: Any) -> Any:
        return k * block_K % channels

    def output_pixel(pixel: Any) -> tuple[Any, Any, Any]:
        return pixel // (out_height * out_width), pixel // out_width % out_height, pixel % out_width

    def input_pixel(pixel: Any, k: Any) -> tuple[Any, Any, Any]:
        image, row, column = output_pixel(pixel)
        tap_row, tap_column = tap(k)
        return image, row * stride + tap_row * dilation - padding, column * stride + tap_column * dilation - padding

    def inside(pixel: Any, k: Any) -> Any:
        _, row, column = input_pixel(pixel, k)
        on_image = T.And(T.And(row >= 0, row < height), T.And(column >= 0, column < width))
        return T.And(pixel < pixels, on_image)

    @T.prim_func
    def conv2d(
        X: T.Tensor((batch, height, width, channels), dtype),
        W: T.Tensor((kernel, kernel, channels, filters), dtype),
        Y: T.Tensor((batch, out_height, out_width, filters), dtype),
    ):
        with T.Kernel(T.ceildiv(filters, block_N), T.ceildiv(pixels, block_M), threads=threads) as (bx, by):
            X_shared = T.alloc_shared((block_M, block_K), dtype)
            W_shared = T.alloc_shared((block_K, block_N), dtype)
            Y_shared = T.alloc_shared((block_M, block_N), dtype)
            Y_local = T.alloc_fragment((block_M, block_N), "float32")
            T.clear(Y_local)
            for k in T.Pipelined(T.ceildiv(depth, block_K), num_stages=num_stages):
                for i, j in T.Parallel(block_M, block_K):
                    X_shared[i, j] = T.if_then_else(
                        inside(by * block_M + i, k),
                        X[
                            input_pixel(by * block_M + i, k)[0],
                            input_pixel(by * block_M + i, k)[1],
                            input_pixel(by * block_M + i, k)[2],
                            channel(k) + j,
                        ],
                        T.cast(0, dtype),
                    )
                T.copy(
                    W[
                        tap(k)[0],
                        tap(k)[1],
                        channel(k) : channel(k) + block_K,
                        bx * block_N : (bx + 1) * block_N,
                    ],
                    W_shared,
                )
                T.gemm(X_shared, W_shared, Y_local)
            T.copy(Y_local, Y_shared)
            for i, j in T.Parallel(block_M, block_N):
                if by * block_M + i < pixels:
                    Y[
                        output_pixel(by * block_M + i)[0],
                        output_pixel(by * block_M + i)[1],
                        output_pixel(by * block_M + i)[2],
                        bx * block_N + j,
                    ] = Y_shared[i, j]

    return conv2d


def output_sizes(params: Params) -> tuple[int, int]:
    kernel, stride, padding, dilation = (params[name] for name in ("kernel", "stride", "padding", "dilation"))
    return (
        output_size(params["height"], kernel, stride, padding, dilation),
        output_size(params["width"], kernel, stride, padding, dilation),
    )


def tensors(params: Params) -> tuple[Tensor, ...]:
    batch, channels, filters, dtype = params["batch"], params["channels"], params["filters"], params["dtype"]
    return (
        Tensor("X", (batch, params["height"], params["width"], channels), dtype),
        Tensor("W", (params["kernel"], params["kernel"], channels, filters), dtype),
        Tensor("Y", (batch, *output_sizes(params), filters), dtype, "output"),
    )


def reference(params: Params, inputs: Sequence[Any]) -> tuple[Any, ...]:
    import torch

    x, w = (tensor.float() for tensor in inputs)
    y = torch.nn.functional.conv2d(
        x.permute(0, 3, 1, 2),
        w.permute(3, 2, 0, 1),
        stride=params["stride"],
        padding=params["padding"],
        dilation=params["dilation"],
    )
    return (y.permute(0, 2, 3, 1).contiguous(),)


def in_torch(params: Params) -> Callable[..., Any]:
    import torch

    stride, padding, dilation = params["stride"], params["padding"], params["dilation"]

    def convolve(x: Any, w: Any) -> Any:
        # X and Y are channels_last as they are, so both permutations are views. W has its filters last, where cuDNN
        # wants the channels: PyTorch copies it in every call, and that is timed too.
        y = torch.nn.functional.conv2d(
            x.permute(0, 3, 1, 2), w.permute(3, 2, 0, 1), stride=stride, padding=padding, dilation=dilation
        )
        return y.permute(0, 2, 3, 1)

    return convolve


def flops(params: Params) -> int:
    out_height, out_width = output_sizes(params)
    depth = params["kernel"] ** 2 * params["channels"]
    return 2 * params["batch"] * out_height * out_width * params["filters"] * depth


def check(params: Params) -> None:
    require_positive(params, "batch", "height", "width", "kernel", "stride", "dilation")
    require(params["padding"] >= 0, f"padding={params['padding']} must be 0 or more; pass 0 for none")
    reach = params["dilation"] * (params["kernel"] - 1) + 1
    for name in ("height", "width"):
        size = params[name] + 2 * params["padding"]
        require(
            size >= reach,
            f"the filter spans {reach} pixels but {name} + 2*padding is {size}; "
            f"pass {name}={params[name] + reach - size} or a smaller kernel",
        )
    require_tile(params, "block_N", "filters")
    require_tile(params, "block_K", "channels")
    require_stages(params)
    require_threads(params)
    require_matrix_tile(params, "block_M", "block_N", "block_K")
    require_one_of(params, "dtype", ("float16", "bfloat16"))


KERNEL = ZooKernel(
    name="conv2d",
    summary="Y = conv2d(X, W), NHWC, as an implicit matrix product",
    build=build,
    tensors=tensors,
    reference=reference,
    tolerance=Tolerance(relative=5e-3),
    flops=flops,
    docs={
        "batch": "images",
        "height": "rows of an input image",
        "width": "columns of an input image",
        "channels": "input channels",
        "filters": "output channels",
        "kernel": "rows and columns of the filter",
        "stride": "input pixels between two outputs",
        "padding": "zeros around the image, on each side",
        "dilation": "input pixels between two taps of the filter",
        "block_M": "output pixels per thread block",
        "block_N": "output channels per thread block",
        "block_K": "input channels per pipeline step",
        "num_stages": "buffers of the software pipeline (0 and 1: none)",
        "threads": "threads per block",
        "dtype": "dtype of X, W and Y",
    },
    check=check,
    unsupported=needs_thread_blocks,
    contenders={"torch": in_torch},
)
