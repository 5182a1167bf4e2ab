"""From generated source back to TileLang's lines."""

from __future__ import annotations

from scaffold.measure.profile.lines import GeneratedSource, named_files, with_origins

TEXT = """\
void k() {
  float C[4];
  #pragma unroll
  for (int i = 0; i < 4; ++i) {
    float v = 0;
    int helper = i;
    C[helper] = v;
  }
  load();
  gemm();
}
"""
MARKED = """\
void k() {
#line 10 "/home/me/gemm.py"
  float C[4];
#line 12 "/home/me/gemm.py"
  #pragma unroll
  for (int i = 0; i < 4; ++i) {
#line 12
    float v = 0;
    int helper = i;
#line 12
    C[helper] = v;
  }
  load();
#line 99 "/opt/v/lib/python3.12/site-packages/tilelang/cuda/macro.py"
  gemm();
}
"""
SOURCES = {"/home/me/gemm.py": "\n" * 9 + "C = T.alloc_fragment((4,))\n\nT.clear(C)\n"}


def test_a_marked_line_knows_where_it_came_from() -> None:
    source = with_origins(TEXT, MARKED, SOURCES)
    assert source.origin_of(2) == ("gemm.py:10", "C = T.alloc_fragment((4,))")
    assert source.origin_of(3) == source.origin_of(4) == ("gemm.py:12", "T.clear(C)"), "a pragma is of what follows"
    assert source.origin_of(10) == ("tilelang/cuda/macro.py:99", "")


def test_lines_between_two_of_one_origin_share_it_and_others_are_unknown() -> None:
    source = with_origins(TEXT, MARKED, SOURCES)
    assert source.origin_of(6) == ("gemm.py:12", "T.clear(C)")
    assert source.origin_of(9) == ("", ""), "TileLang does not mark it, so nobody knows"
    assert source.origin_of(1) == ("", "")


def test_another_lowering_is_not_mixed_with_what_was_compiled() -> None:
    assert with_origins(TEXT.replace("gemm()", "other()"), MARKED, SOURCES).origins == {}


def test_a_line_is_of_the_source_only_where_its_text_agrees() -> None:
    source = GeneratedSource(TEXT)
    assert source.is_it("/tmp/a/tvm_kernels.cu", 10, "gemm();")
    assert source.is_it("/tmp/a/tvm_kernels.cu", 10, "")
    assert not source.is_it("/tmp/a/tvm_kernels.cu", 10, "other();")
    assert not source.is_it("/opt/include/gemm.h", 10, "")
    assert not source.is_it("/tmp/a/tvm_kernels.cu", 99, "")
    assert not GeneratedSource().is_it("k.cu", 1, "")


def test_files_named_by_directives_are_found() -> None:
    assert named_files(MARKED) == {"/home/me/gemm.py", "/opt/v/lib/python3.12/site-packages/tilelang/cuda/macro.py"}
