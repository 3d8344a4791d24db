"""What becomes of texts: statements, addresses, tracebacks, and what looks like a secret."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rvbbit_otel.redaction.secret_text import without_secrets
from rvbbit_otel.redaction.sql import shape
from rvbbit_otel.redaction.text import frames, without_path_queries, without_queries, without_query


@pytest.mark.parametrize(
    ("query", "shaped", "left"),
    [
        ("SELECT 'a', 1, -2.5e3, 0xff FROM t1 WHERE b2 = 'it''s'", "SELECT ?, ?, -?, ? FROM t1 WHERE b2 = ?", 0),
        ("SELECT $1, :name, @p, %s, ?", "SELECT $1, :name, @p, %s, ?", 0),
        ("SELECT a -- secret\nFROM t", "SELECT a \nFROM t", 0),
        ("SELECT a # secret\nFROM t", "SELECT a \nFROM t", 0),
        ("SELECT j #> p, j #>> p, j #- p FROM t", "SELECT j #> p, j #>> p, j #- p FROM t", 0),
        ("SELECT a /* secret */ FROM t", "SELECT a  FROM t", 0),
        ("SELECT $$secret$$, $tag$ a $$ b $tag$ FROM t", "SELECT ?, ? FROM t", 0),
        ('SELECT "col", `col`, "a secret", `a secret`, "x@y.z"', 'SELECT "col", `col`, ?, ?, ?', 0),
        ("SELECT E'a', x'ff', N'b'", "SELECT E?, x?, N?", 0),
        ("RVBBIT MAP 'traits/x.yaml' AS b USING (SELECT 'Apple')", "RVBBIT MAP ? AS b USING (SELECT ?)", 0),
        # What could be read in two ways ends the text.
        ("SELECT 'open", "SELECT ", 5),
        (r"SELECT 'C:\', 'secret'", "SELECT ", 15),
        (r"SELECT E'it\'s', 'secret'", "SELECT E", 17),
        (r"SELECT 'C:\\', b FROM t", "SELECT ?, b FROM t", 0),
        (r"SELECT 'C:\x', b FROM t", "SELECT ?, b FROM t", 0),
        ("SELECT a /* b /* c */ secret */ FROM t", "SELECT a ", 29),
        ("SELECT a /* secret", "SELECT a ", 9),
        ("SELECT $tag$ secret", "SELECT ", 12),
        ('SELECT "open', "SELECT ", 5),
        ("", "", 0),
    ],
)
def test_the_shape_of_a_statement_has_no_literals_and_no_comments(query: str, shaped: str, left: int) -> None:
    assert shape(query) == (shaped, left)


def test_only_the_beginning_of_a_long_statement_is_read() -> None:
    assert shape("SELECT " + "a, " * 4_000_000)[1] == 12_000_007 - 65_536
    assert shape("SELECT '" + "a" * 10_000_000 + "'") == ("SELECT ", 10_000_002)


SECRET = "canary7f3a"
# The ways to write a text into a statement, each with its own escapes.
QUOTED = st.sampled_from(
    [
        lambda text: "'" + text.replace("'", "''") + "'",
        lambda text: "E'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'",
        lambda text: '"' + text.replace('"', '""') + '"',
        lambda text: "`" + text.replace("`", "``") + "`",
        lambda text: "$q$" + text.replace("$", "") + "$q$",
        lambda text: "/*" + text.replace("/", "") + "*/",
        lambda text: "--" + text.replace("\n", "") + "\n",
    ]
)
PART = st.tuples(QUOTED, st.text(alphabet="aé '\"`\\$-/*#\n;1", max_size=8), st.text(alphabet="'\"`\\ -/*", max_size=3))


@given(st.lists(PART, min_size=1, max_size=6))
def test_no_literal_of_any_dialect_is_in_the_shape(parts: list[tuple[object, str, str]]) -> None:
    # A space: a quoted name of letters and digits only is a column's.
    written = [quoted(before + SECRET + " " + after) for quoted, before, after in parts]  # type: ignore[operator]
    assert SECRET not in shape("SELECT " + ", ".join(written) + " FROM t")[0]


@pytest.mark.parametrize(
    ("url", "cut"),
    [
        ("https://api.x.org/v1/chat", "https://api.x.org/v1/chat"),
        ("https://api.x.org:8443/v1?key=abc#top", "https://api.x.org:8443/v1?[redacted, 11 characters]"),
        ("https://me:pw@api.x.org/v1", "https://[redacted]@api.x.org/v1"),
        ("https://me:p@w@api.x.org/v1", "https://[redacted]@api.x.org/v1"),
        ("https://me:p/w@api.x.org/v1", "[redacted, 27 characters]"),
        ("https://[::1]:80/a", "https://[::1]:80/a"),
        ("/search?q=secret", "/search?[redacted, 8 characters]"),
        ("/a;jsessionid=1/b", "/a;[redacted, 14 characters]"),
        ("?q=secret", "?[redacted, 8 characters]"),
        ("me:pw@db/x", "[redacted]@db/x"),
        ("mailto:jane@x.org", "[redacted]@x.org"),
        ("data:text/plain,secret", "[redacted, 22 characters]"),
        ("file:///etc/x", "file:///etc/x"),
        ("", ""),
    ],
)
def test_an_address_has_no_login_no_parameters_no_query_and_no_fragment(url: str, cut: str) -> None:
    assert without_query(url) == cut


def test_an_address_in_a_text_has_no_query() -> None:
    text = "see (https://a.org/b?c=d) or postgres://u:p@h/d, not a?b"
    assert (
        without_queries(text) == "see (https://a.org/b?[redacted, 4 characters] or postgres://[redacted]@h/d, not a?b"
    )
    assert without_path_queries("GET /a?b=c#d e, Job#run") == "GET /a e, Job#run"


def test_of_a_traceback_only_its_frames_are_left() -> None:
    try:
        raise ValueError("a secret\nof two lines")
    except ValueError:
        whole = traceback.format_exc()
    frame = whole.splitlines()[1]
    assert frame.endswith("in test_of_a_traceback_only_its_frames_are_left")
    assert frames(whole).splitlines() == [frame, f"[redacted, {len(whole) - len(frame) - 1} characters]"]
    assert frames('  File "/a.py", line 1, in f') == '  File "/a.py", line 1, in f'
    # A message may look like a frame, and says no more than a frame's path can.
    assert frames('  File "jane@x.org", line 1') == "[redacted, 27 characters]"


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefghijklmnop",
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_" + "a" * 36,
        "github_pat_" + "a" * 40,
        "glpat-" + "a" * 20,
        "xoxb-1234567890-abc",
        "AIza" + "a" * 35,
        "hf_" + "a" * 34,
        "gsk_" + "a" * 52,
        "xai-" + "a" * 80,
        "nvapi-" + "a" * 64,
        "pplx-" + "a" * 48,
        "tvly-dev-" + "a" * 32,
        "lsv2_pt_" + "a" * 32 + "_" + "b" * 10,
        "pcsk_" + "a" * 60,
        "r8_" + "a" * 37,
        "dapi" + "a1" * 16,
        "SG." + "a" * 22 + "." + "b" * 43,
        "xoxc-1234567890-abc",
        "AccountKey=abc+/==",
        "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl",
        "Bearer abcdefgh",
        "basic QWxhZGRpbjpvcGVu",
        "Authorization: Bearer abcdefgh",
        "password=hunter2",
        "pwd: hunter2",
        'api_key": "my secret"',
        "secret' = 'my secret'",
        "Cookie: sid=abc",
        "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----",
        "jane.doe+x@mail.example.org",
    ],
)
def test_what_looks_like_a_secret_is_cut_out_wherever_it_stands(secret: str) -> None:
    assert without_secrets(f"before {secret} after", and_mails=True) == "before [redacted] after"
    assert without_secrets(secret, and_mails=True) == "[redacted]"


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens=100",
        "the key is under the mat",
        "desk-top-risk-assessment-of-the-week",
        "WHERE password = ? AND token=?",
        "a basic test of a bearer",
        "user@host",
        "12:30",
        "s3://bucket/key",
    ],
)
def test_what_only_begins_like_one_is_left_alone(text: str) -> None:
    assert without_secrets(text, and_mails=True) is text


def test_keys_and_signatures_in_addresses_stay_where_addresses_leave() -> None:
    url = "https://x.org/a?X-Amz-Signature=ab&q=kept&key=ab&Sig=ab&AWSAccessKeyId=ab#top"
    assert without_secrets(url, and_mails=False) == (
        "https://x.org/a?[redacted]&q=kept&[redacted]&[redacted]&[redacted]#top"
    )
    assert without_secrets("key=kept; the sig=kept", and_mails=False) == "key=kept; the sig=kept"


def test_a_mail_address_leaves_where_content_does_and_a_login_does_not() -> None:
    assert without_secrets("jane@x.org", and_mails=False) == "jane@x.org"
    assert without_secrets("https://u:p@x.org", and_mails=False) == "https://[redacted]@x.org"
