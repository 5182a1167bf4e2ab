"""The description: what is a person's, what is the kit's, and what GitHub has room for."""

from __future__ import annotations

from scaffold.contribute.body import blocks, fill, fit_body, unwritten

BODY = """## Summary

<!-- write: what went
  wrong -->
<!-- evidence: summary -->
_not run yet_
<!-- end evidence -->

## IR

mine
<!-- evidence: ir -->
old
<!-- end evidence -->
"""


def test_only_the_kits_own_parts_are_filled_and_a_part_taken_out_stays_out() -> None:
    text, homeless = fill(BODY, {"ir": "new\n", "performance": "fast"})
    assert blocks(text) == {"summary": "_not run yet_", "ir": "new"}
    assert "mine" in text
    assert homeless == ("performance",)
    assert fill(text, {"ir": "new"})[0] == text


def test_what_a_tool_says_cannot_end_its_part() -> None:
    text, _ = fill(BODY, {"ir": "x\n<!-- end evidence -->\n<!-- evidence: summary -->\ny"})
    assert list(blocks(text)) == ["summary", "ir"]
    assert fill(text, {"ir": "short"})[0] == fill(BODY, {"ir": "short"})[0]


def test_what_a_person_has_to_write_is_named_on_one_line() -> None:
    assert unwritten(BODY) == ("what went wrong",)


def test_a_text_that_fits_is_left_alone() -> None:
    assert fit_body(BODY) == (BODY, ())


def test_folded_details_go_first_then_the_longest_part_then_the_end_of_what_was_written() -> None:
    folded = "<details><summary>Every kernel</summary>\n" + "row\n" * 2000 + "</details>"
    filled, _ = fill(BODY, {"ir": f"verdict\n{folded}", "summary": "line\n" * 400})
    fitted, cut = fit_body(filled, 4000)
    assert len(fitted) <= 4000
    assert cut == ("details of ir",)
    assert "verdict" in fitted
    assert "details left out: 8," in fitted
    fitted, cut = fit_body(filled, 1000)
    assert len(fitted) <= 1000
    assert "lines of summary" in cut[1]
    assert "more lines left out to fit GitHub's limit" in fitted
    assert "mine" in fitted
    fitted, cut = fit_body("x" * 2000, 1000)
    assert len(fitted) == 1000
    assert fitted.endswith("_cut here to fit GitHub's limit_\n")
    assert cut[0].startswith("the last 1,")
