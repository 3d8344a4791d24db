"""Forms of multipart/form-data are taken apart as their writers put them together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from urllib3.filepost import encode_multipart_formdata

from rvbbit_otel.all_in_one.http.bodies import CorruptBodyError
from rvbbit_otel.all_in_one.http.forms import Part, boundary_of, read_form


@given(
    st.lists(
        st.tuples(st.from_regex(r"[a-z_]{1,20}", fullmatch=True), st.booleans(), st.binary(max_size=300)), min_size=1
    )
)
def test_a_form_comes_out_as_it_went_in(parts: list[tuple[str, bool, bytes]]) -> None:
    fields = [(name, ("file.csv", data, "text/csv") if is_file else data) for name, is_file, data in parts]
    body, content_type = encode_multipart_formdata(fields)
    boundary = boundary_of(content_type)
    assert boundary is not None
    assert read_form(body, boundary) == [Part(*part) for part in parts]


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/json"])
def test_what_is_no_form_is_none(content_type: str) -> None:
    assert boundary_of(content_type) is None


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=" + "x" * 300])
def test_a_form_without_a_boundary_is_refused(content_type: str) -> None:
    with pytest.raises(CorruptBodyError, match="boundary"):
        boundary_of(content_type)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1",
        b"--x\r\n\r\n\r\n1\r\n--x--",
        b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--",
        b"--x\r\nContent-Disposition: form-data; name=a\r\n" + b"A: b\r\n" * 1000 + b"\r\n1\r\n--x--",
        b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n" * 1001 + b"--x--",
    ],
)
def test_a_form_that_is_cut_or_too_large_is_refused(body: bytes) -> None:
    with pytest.raises(CorruptBodyError):
        read_form(body, b"x")
