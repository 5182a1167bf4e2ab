"""What leaves the machine: nothing of it, and all of what was measured."""

from __future__ import annotations

import json
import string
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.contribute.credentials import credentials_in
from scaffold.contribute.redaction import Redactor, describe

HOME, USER, HOST = "/home/leiwang7", "leiwang7", "gpu-07.corp.example"
WORKSPACE, CHECKOUT = "/home/leiwang7/kit/workspace", "/home/leiwang7/src/tilelang"
OURS = Redactor(home=HOME, user=USER, host=HOST, workspace=WORKSPACE, checkout=CHECKOUT)
ROOTS = Redactor(home="/root", user="root", host="ubuntu", workspace="/srv/kit/workspace", checkout="/srv/tilelang")
SHORT = Redactor(home="/home/max", user="max", host="localhost")
WINDOWS = Redactor(home=r"C:\Users\Lei Wang", user="Lei Wang", host="LEIS-PC", checkout=r"C:\Users\Lei Wang\tilelang")

#: Made by the services' rules, from the alphabet: none was ever handed out.
SIGNS = (string.ascii_letters + string.digits) * 2
GITHUB = "ghp_" + SIGNS[:36]
KEY = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SIGNS[:64]}\n{SIGNS[10:74]}\n-----END OPENSSH PRIVATE KEY-----"
JWT = f"eyJ{SIGNS[:20]}.eyJ{SIGNS[5:40]}.{SIGNS[3:46]}"
TOKENS = {
    "ghp": GITHUB,
    "gho": "gho_" + SIGNS[1:37],
    "ghs": "ghs_" + SIGNS[2:38],
    "fine-grained": "github_pat_" + SIGNS[:22] + "_" + SIGNS[:59],
    "aws": "AKIA" + "Q4Z7" * 4,
    "hugging face": "hf_" + SIGNS[:34],
    "openai": "sk-proj-" + SIGNS[:20] + "-7_" + SIGNS[50:70],
    "anthropic": "sk-ant-api03-" + SIGNS[:40],
    "gitlab": "glpat-" + SIGNS[40:62],
    "slack": "xoxb-" + "1234567890-" + SIGNS[:20],
    "nvidia": "nvapi-" + SIGNS[:40],
    "pypi": "pypi-" + SIGNS[:60],
    "google": "AIza" + SIGNS[:35],
    "jwt": JWT,
    "private key": KEY,
}


def redacted(text: str, by: Redactor = OURS) -> str:
    return by.redact(text)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at /home/leiwang7/src/tilelang/src/op/gemm.cc:12", "at $TILELANG/src/op/gemm.cc:12"),
        ("/home/leiwang7/kit/workspace/builds/git-main", "$WORKSPACE/builds/git-main"),
        ("/home/leiwang7/src/tilelang-2/x", "~/src/tilelang-2/x"),
        ("-I/home/leiwang7/include -L/home/leiwang7", "-I~/include -L~"),
        ("PATH=/home/leiwang7/bin:/usr/bin", "PATH=~/bin:/usr/bin"),
        ("file:///home/leiwang7/src/tilelang/a.html", "file://$TILELANG/a.html"),
        (r'{"path": "\/home\/leiwang7\/x"}', r'{"path": "~\/x"}'),
        ("?at=%2Fhome%2Fleiwang7%2Fx", "?at=~%2Fx"),
        ("/home/leiwang7, /home/leiwang7. (/home/leiwang7)", "~, ~. (~)"),
        ("/home/bob/tilelang and /Users/bob.smith/x", "/home/<user>/tilelang and /Users/<user>/x"),
        ("-v /home/bob:/home/bob2", "-v /home/<user>:/home/<user>"),
        ("API_KEY: a1b2c3", "API_KEY: <secret>"),
        ("/mnt/home/bob/x", "/mnt/home/<user>/x"),
        (r"C:\Users\Bob\x and C:\\Users\\Bob\\x", r"C:\Users\<user>\x and C:\\Users\\<user>\\x"),
        (r"C:\Users\Bob Smith\x", r"C:\Users\<user>\x"),
        ("file:///C:/Users/Bob/x", "file:///C:/Users/<user>/x"),
        ("run by leiwang7 on gpu-07", "run by <user> on <host>"),
        ("run by leiwang7_old", "run by <user>_old"),
        (r"said\nleiwang7: no", r"said\n<user>: no"),
        ("\x1b[1mleiwang7\x1b[0m", "\x1b[1m<user>\x1b[0m"),
        ("/tmp/pytest-of-leiwang7/pytest-0", "/tmp/pytest-of-<user>/pytest-0"),
        ("leiwang7@gpu-07:~/x$ ls", "<user>@<host>:~/x$ ls"),
        ("gpu-07.corp.example, gpu-08.corp.example, GPU-07", "<host>, <host>, <host>"),
        ("ip-10-2-3-4.ec2.internal", "<host>"),
        ("lei@tilelang.io wrote", "<email> wrote"),
        ("mail Lei <lei.wang+x@mail.example.org>", "mail Lei <<email>>"),
        ("connect to 10.2.3.4:8786", "connect to <ip>:8786"),
        ("tcp://192.168.1.20:80, 34.120.5.6", "tcp://<ip>:80, <ip>"),
        ("fe80::1a2b:3c4d:5e6f", "<ip>"),
        ("2001:db8:85a3::8a2e:370:7334", "<ip>"),
        ("[2001:db8::1]:80 fe80::1%eth0", "[<ip>]:80 <ip>%eth0"),
        ("2001:db8:0:0:0:ff00:42:8329", "<ip>"),
        ("\x1b[36mhttps://bob:hunter2@x.org", "\x1b[36mhttps://<credentials>@x.org"),
        ("link/ether 0a:1b:2c:3d:4e:5f", "link/ether <mac>"),
        ("GPU 0: H100 (UUID: GPU-0a1b2c3d-1234-5678-9abc-def012345678)", "GPU 0: H100 (UUID: <gpu>)"),
        ("  Serial Number       : 1650123456789", "  Serial Number       : <serial>"),
        (f"Authorization: Bearer {SIGNS[:30]}", "Authorization: Bearer <secret>"),
        (f'"Authorization": "token {SIGNS[:30]}"', '"Authorization": "token <secret>"'),
        ("https://leiwang7:hunter2@proxy.example.org:3128/", "https://<credentials>@proxy.example.org:3128/"),
        (f"https://{GITHUB}@github.com/o/r.git", "https://<token>@github.com/o/r.git"),
        ("HF_TOKEN=abcdef", "HF_TOKEN=<secret>"),
        ("export WANDB_API_KEY='a b c'", "export WANDB_API_KEY='<secret>'"),
        ('"AWS_SECRET_ACCESS_KEY": "ab/cd+ef"', '"AWS_SECRET_ACCESS_KEY": "<secret>"'),
        (r"{\"PASSWORD\": 1} PASSWORD=12a,b", r"{\"PASSWORD\": 1} PASSWORD=<secret>"),
        ("password: 'correct horse'", "password: '<secret>'"),
        ("curl https://x.org/a?token=abcdefgh&x=1", "curl https://x.org/a?token=<secret>&x=1"),
    ],
)  # fmt: skip
def test_what_tells_of_the_machine_is_replaced(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize("token", TOKENS.values(), ids=TOKENS)
@pytest.mark.parametrize("around", ["{}", "key {}.", '"{}"', r"\n{}\n", "a={}", "_{}_", "({})", "<b>{}</b>", "%20{}"])
def test_a_credential_goes_wherever_it_stands(token: str, around: str) -> None:
    text, redactions = OURS.redact(around.format(token))
    assert token not in text
    assert sum(item.count for item in redactions) >= 1


def test_a_private_key_in_json_and_one_cut_off_go_whole() -> None:
    for text in (json.dumps(KEY), KEY.partition("-----END")[0]):
        assert SIGNS[:64] not in redacted(text)
        assert SIGNS[10:74] not in redacted(text)
    assert redacted(f"{KEY}\nand then").endswith("\nand then")


UNTOUCHED = [
    "a35008a42d72e1d413ddf3bdcb7a35008a42d72e1",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "@tilelang.jit(out_idx=[-1])",
    "@T.prim_func",
    "O = q@k.transpose(0, 1) @ v",
    "C = A@B.T + D@E.mT",
    "y = x@w.half()",
    '{"kind":"cuda","arch":"sm_90a","keys":["cuda","gpu"]}',
    'T.target({"arch": "sm_90a", "keys": ["cuda", "gpu"], "kind": "cuda", "max_num_threads": 1024})',
    "cuda -keys=cuda,gpu -arch=sm_80 -max_threads_per_block=1024",
    "nvidia-cuda-nvcc==13.0.1.2",
    "CUDA 13.0.1.2, cuDNN 9.10.2.21, v1.2.3.4, version 10.3.9.90",
    "| nvidia-curand-cu12 | 10.3.9.90 |",
    "libcublas: 12.8.4.1",
    "nvidia_cublas-12.8.4.1-py3-none-manylinux_2_27_x86_64.whl",
    "127.0.0.1 and 0.0.0.0",
    "ptxas info    : Used 168 registers, used 1 barriers, 49152 bytes smem",
    "extern \"C\" __global__ void __launch_bounds__(128, 1) gemm_kernel(half_t* __restrict__ A, half_t* C) {",
    "tl::tma_load(A_desc, mbarrier[(k % 3)], (&(((half_t*)B_shared)[((k % 3) * 4096)])), k * 32);",
    "int key = threadIdx.x; token = 4; max_tokens=128; key=3",
    "cache_key=9f86d081884c7d65",
    "serial loops 7 -> 10, unroll",
    "serial: 12",
    "| gemm | 18.96 µs | 14.66 µs | 0.773 [0.771, 0.774] |",
    "T.copy(T.region(A[by * 128, T.Mul(1, 32)], 1, 128, 32))",
    "std::unordered_map<tvm::tir::Var, std::vector<int>> a::b::c::d::e",
    "TOKEN=$HF_TOKEN, ${{ secrets.TOKEN }}, HF_TOKEN=<secret>",
    "git@github.com:tile-ai/tilelang.git",
    "https://github.com/leiwang7/tilelang/pull/12",
    "12345+leiwang7@users.noreply.github.com",
    "Co-authored-by: Lei Wang <lei@corp.example>",
    "sk-learn is a package, and task-oriented-things-are-not-keys",
    "hf_config_of_the_model_and_its_tokenizer",
    "memcpy@GLIBC_2.14, foo@plt, actions/checkout@v4",
    "0000:0a:00.0 and 12:34:56",
    "A[2048::2], [10/Oct/2000:13:55:36], fade::cafe(x)",
    "if authorization:\n    add('x', authorization = split(url))",
    "KEYS: ALLOCATOR_KEY: StashKey[int] = StashKey(), EXAMPLE_KEY: value",
    "/usr/home, ~/x, $WORKSPACE/y, $TILELANG/z",
    "https://tilelang.com/home/index.html",
]  # fmt: skip


@pytest.mark.parametrize("text", UNTOUCHED)
def test_what_tells_nothing_of_the_machine_stays(text: str) -> None:
    assert OURS.redact(text) == (text, ())


@pytest.mark.parametrize("by", [ROOTS, SHORT], ids=["root", "max"])
@pytest.mark.parametrize("text", ["root cause: T.max(x, 1)", "max registers, reduce_max", "the ubuntu image", "x@root"])
def test_a_name_that_is_a_word_stays_in_text(text: str, by: Redactor) -> None:
    assert redacted(text, by) == text


@pytest.mark.parametrize(
    ("by", "text", "expected"),
    [
        (ROOTS, "/root/x, root@ubuntu:/# ls", "~/x, <user>@<host>:/# ls"),
        (ROOTS, "-I/root/include /usr/root/x src/root/y", "-I~/include /usr/root/x src/root/y"),
        (ROOTS, "file:///srv/kit/workspace/a", "file://$WORKSPACE/a"),
        (SHORT, "/home/max/x /scratch/max/y max@box:~/z", "~/x /scratch/<user>/y <user>@box:~/z"),
        (SHORT, "/tmp/pytest-of-max/a", "/tmp/pytest-of-<user>/a"),
        (WINDOWS, r"c:\users\lei wang\tilelang\x on leis-pc", r"$TILELANG\x on <host>"),
        (WINDOWS, json.dumps({"at": r"C:\Users\Lei Wang\x"}), r'{"at": "~\\x"}'),
        (WINDOWS, "file:///C:/Users/Lei%20Wang/x", "file:///C:/Users/<user>%20Wang/x"),
    ],
)  # fmt: skip
def test_machines_of_other_shapes(by: Redactor, text: str, expected: str) -> None:
    assert redacted(text, by) == expected


@pytest.mark.parametrize("host", ["h100", "hopper", "MI300X", "sm90", "10"])
def test_a_host_called_after_its_gpu_leaves_the_gpu_its_name(host: str) -> None:
    by = Redactor(home="/home/leiwang7", user="leiwang7", host=host)
    text = f"NVIDIA {host.upper()}, {host} and {host}-80GB"
    assert by.redact(text) == (text, ())
    assert redacted(f"leiwang7@{host}", by) == "<user>@<host>"


@pytest.mark.parametrize(
    "piece", ["a.b-c", "abcdef01", "A_", "1.", "a@", "a:", "/a", "-I", "://a", "KEY=", "eyJaaaaaa.", "fd00:"]
)
def test_a_long_line_of_anything_takes_no_time(piece: str) -> None:
    began = time.process_time()
    OURS.redact(piece * (60_000 // len(piece)))
    assert time.process_time() - began < 5, "one that grows with the square of the length takes minutes"


def test_a_home_of_slash_takes_nothing_out() -> None:
    text = "a/b /usr/lib // and http://x.org/"
    assert Redactor(home="/", user="", host="").redact(text) == (text, ())


def test_what_was_taken_out_is_told_without_it() -> None:
    _, redactions = OURS.redact(f"{HOME}/x {HOME}/y {GITHUB} {USER}")
    assert {item.what: item.count for item in redactions} == {"GitHub token": 1, "home folder": 2, "user name": 1}
    told = "\n".join(describe(redactions))
    assert "home folder: 2" in told
    assert USER not in told
    assert GITHUB[:8] not in told


def test_this_machine_is_known_to_itself(tmp_path: Path) -> None:
    workspace, checkout = tmp_path / "workspace", tmp_path / "tilelang"
    text, _ = Redactor.of_this_machine(workspace, checkout).redact(f"{checkout}/src in {workspace}/builds")
    assert text == "$TILELANG/src in $WORKSPACE/builds"


def test_a_link_to_the_checkout_and_where_it_leads_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    text, _ = Redactor.of_this_machine(None, link).redact(f"{link}/a {tmp_path / 'real'}/b")
    assert text == "$TILELANG/a $TILELANG/b"


def test_credentials_by_form_are_named() -> None:
    assert credentials_in(f"x {GITHUB} {KEY}") == ("private key", "GitHub token")
    assert credentials_in("HF_TOKEN=abc password: hunter2 " + "\n".join(UNTOUCHED)) == ()


#: Text as evidence has it: anything at all, and what kernels, tables and logs are made of.
PIECES = st.sampled_from([*UNTOUCHED, " ", "\n", ", ", "(", "|", "%20", r"\n", '"', "/", "-", ":"])
ANYTHING = st.text(st.characters(codec="utf-8", exclude_characters="@"), max_size=12)
FACTS = [USER, HOST, HOME, WORKSPACE, CHECKOUT, "gpu-07"]
WAYS = [
    str,
    lambda text: json.dumps(text)[1:-1],
    lambda text: text.replace("/", "\\/"),
    lambda text: quote(text, safe=""),
]


#: Without what is public anyway, in which names stay.
BESIDE = st.sampled_from(
    [piece for piece in UNTOUCHED if "leiwang7" not in piece and "Co-authored" not in piece] + list(" ,(|/-:\n")
)


@given(st.sampled_from(FACTS), st.sampled_from(WAYS), st.lists(BESIDE, max_size=4), st.lists(BESIDE, max_size=4))
def test_no_fact_survives_between_anything(
    fact: str, way: Callable[[str], str], before: list[str], after: list[str]
) -> None:
    text = redacted(f"{''.join(before)} {way(fact)} {''.join(after)}")
    assert USER not in text
    assert "gpu-07" not in text


@given(ANYTHING, ANYTHING, st.sampled_from([HOME, WORKSPACE, CHECKOUT]), st.sampled_from(WAYS))
def test_no_folder_survives_whatever_stands_beside_it(
    left: str, right: str, fact: str, way: Callable[[str], str]
) -> None:
    assert way(fact) not in redacted(f"{left}{way(fact)}{right}")


@given(ANYTHING.filter(lambda text: not text[-1:].isalnum()), ANYTHING, st.sampled_from(list(TOKENS.values())))
def test_no_credential_survives_whatever_stands_beside_it(left: str, right: str, token: str) -> None:
    assert token not in redacted(f"{left}{token}{right}")


@given(st.lists(st.one_of(PIECES, ANYTHING, st.sampled_from([*FACTS, *TOKENS.values(), "10.1.2.3", "a@b.org"]))))
def test_twice_is_once(pieces: list[str]) -> None:
    for by in (OURS, ROOTS, SHORT, WINDOWS):
        once = redacted("".join(pieces), by)
        assert by.redact(once) == (once, ())


@given(st.lists(st.sampled_from(UNTOUCHED)))
def test_text_without_secrets_is_unchanged(lines: list[str]) -> None:
    text = "\n".join(lines)
    assert OURS.redact(text) == (text, ())
