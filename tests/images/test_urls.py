"""Promised: URLs are shown without their credentials, whatever characters these have."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featx.images.urls import any_holds, redacted

SHOWN = {
    "https://user:pa55@host/a.png": "https://***@host/a.png",
    "https://t0ken@host/a.png": "https://***@host/a.png",
    "https://user:p@ss@host/a@b.png": "https://***@host/a@b.png",
    "https://user:pa/ss@host/a.png": "https://***@host/a.png",
    "s3://KEY:SEC/RET@bucket/a.png": "s3://***@bucket/a.png",
    "zip://a.png::https://u:p@h/b.zip?sig=1": "zip://a.png::https://***@h/b.zip?sig=***",
    "https://h/a.png?id=12&token=x&size=2#access_token=y": "https://h/a.png?id=12&token=***&size=2#access_token=***",
    "https://h/a?X-Amz-Credential=A%2F&X-Amz-Signature=b&n=1": "https://h/a?X-Amz-Credential=***&X-Amz-Signature=***&n=1",
    "https://h/a?X-Goog-Signature=b": "https://h/a?X-Goog-Signature=***",
    "https://h/a?AWSAccessKeyId=A&Signature=z%3D&Expires=1": "https://h/a?AWSAccessKeyId=***&Signature=***&Expires=1",
    "https://h/a?sv=2020&sr=b&sig=abc%3D": "https://h/a?sv=2020&sr=b&sig=***",
    "https://h/a?Policy=p&Key-Pair-Id=K": "https://h/a?Policy=***&Key-Pair-Id=***",
    "https://h/a?api_key=1&apikey=2&key=3&t%6Fken=4": "https://h/a?api_key=***&apikey=***&key=***&t%6Fken=***",
    "https://h/a?x=eyJhbGciOiJIUzI1NiJ9.abc.def": "https://h/a?x=***",
    "https://h/a?PASSWORD=x;auth=y": "https://h/a?PASSWORD=***;auth=***",
    "see https://u:p@h/a?token=1 and ftp://u:p@h/": "see https://***@h/a?token=*** and ftp://***@h/",
    "https://host:8080/path@x/a.png": None,
    "https://h/@user/a.png?author=me&monkey=4&keyword=5": None,
    "https://h/a?id=550e8400-e29b-41d4-a716-446655440000": None,
    "http://[::1]:80/a.png": None,
    "/plain/user:pa55@x?token=1": None,
    "http://carl:my pass@host/a.png": "http://***@host/a.png",
    "http://dora:a::b@host/a.png": "http://***@host/a.png",
    "https://user:p@ss/w@host/a.png": "https://***@host/a.png",
    "https://h/a?token=x)y&n=1": "https://h/a?token=***&n=1",
    "https://h/a?sig=x'y": "https://h/a?sig=***",
    "https://h/a?token=x;y&size=2": "https://h/a?token=***&size=2",
    "https://h/a?token=x y#z": "https://h/a?token=***",
    "https://h/a?passcode=1&psw=2&login=3&user_pass=4&pin=5": "https://h/a?passcode=***&psw=***&login=***&user_pass=***&pin=***",
    "https://h/a?auth[token]=1&compass=5": "https://h/a?auth[token]=***&compass=5",
    "https://h/a?t=eyJhbGciOi.abc.def": "https://h/a?t=***",
    "https://h/a;jsessionid=1?x=2": "https://h/a;jsessionid=***",
    "http:/ida:pw@host/a.png": "http:/***@host/a.png",
    "HTTPS://u:p@h/a.png": "HTTPS://***@h/a.png",
    "zip://a b@2x.png::https://u:p q@h/b.zip": "zip://a b@2x.png::https://***@h/b.zip",
    "simplecache::http://u:p q@h/a.png": "simplecache::http://***@h/a.png",
    "(see https://h/a?token=x)y).": "(see https://h/a?token=***).",
    "https://h/a?url=http://u:p@h/b&n=1": "https://h/a?url=http://***@h/b&n=1",
    "C:/me@home/a.png": None,
    "s3://bucket/photos@2x/a.png?a=b;c=d#e": None,
    "zip://a.png::/data/me@home/b.zip": None,
}  # fmt: skip


@pytest.mark.parametrize(("text", "shown"), SHOWN.items(), ids=SHOWN)
def test_credentials_are_taken_out(text, shown):
    assert redacted(text) == (text if shown is None else shown)
    assert redacted(redacted(text)) == redacted(text)


ODD = st.lists(
    st.sampled_from(["S3CR", "ET77", *"@/?#: '\")(][;&=<>\\^`{|}%+,!*é\n\t", "::", "://", "%40", "%2F"]),
    min_size=1,
    max_size=8,
).map("".join)


@settings(max_examples=400, deadline=None)
@given(secret=ODD, chain=st.sampled_from(["", "simplecache::", "zip://in.png::", "filecache::zip://a@b.png::"]))
def test_a_password_of_any_characters_is_never_shown(secret, chain):
    # Digits before a slash are the port of a host.
    url = f"{chain}https://user:{secret}@images.org:8443/set/a.png"
    shown = redacted(url)
    assert "S3CR" not in shown
    assert "ET77" not in shown
    assert shown == redacted(shown) == f"{chain}https://***@images.org:8443/set/a.png"


@settings(max_examples=400, deadline=None)
@given(
    # What begins another parameter is one.
    secret=ODD.filter(lambda text: not re.search(r"&[^&#;?]*=", text)),
    name=st.sampled_from(["token", "sig", "X-Amz-Signature", "passcode", "api_key", "access%5Ftoken"]),
)
def test_a_token_of_any_characters_is_never_shown(secret, name):
    shown = redacted(f"https://images.org/a.png?size=2&{name}={secret}&page=3")
    assert "S3CR" not in shown
    assert "ET77" not in shown
    assert shown == redacted(shown) == f"https://images.org/a.png?size=2&{name}=***&page=3"


def test_a_mark_is_found_in_any_text_and_not_across_two():
    names = [f"photos/{number}.jpg" for number in range(10_000)]
    assert not any_holds(names, ":/")
    assert any_holds([*names, "s3://bucket/a.jpg"], ":/")
    assert any_holds(["file:/a", *names], ":/")
    assert not any_holds(["a:", "/b"] * 5000, ":/")
    assert not any_holds([], ":/")
