"""REDIS_URL: what it may say, and that nothing in it turns a check off."""

import pytest

from worker.store.address import Address, parse_address, sentinels_of, unprotected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://", Address("redis", None, None, (("", None),), "", 0, {})),
        ("redis://h:7000/3", Address("redis", None, None, (("h", 7000),), "", 3, {})),
        ("redis://:p%40s@h/", Address("redis", None, "p@s", (("h", None),), "", 0, {})),
        ("redis://[::1]:7000?db=2", Address("redis", None, None, (("::1", 7000),), "", 2, {"db": "2"})),
        ("redis://[::1]", Address("redis", None, None, (("::1", None),), "", 0, {})),
        (
            "rediss://u:p@h/1?ssl_ca_certs=/ca.pem",
            Address("rediss", "u", "p", (("h", None),), "", 1, {"ssl_ca_certs": "/ca.pem"}),
        ),
        ("unix:///run/a%20b.sock?db=4", Address("unix", None, None, (), "/run/a b.sock", 4, {"db": "4"})),
        ("unix://u:p@/run/s", Address("unix", "u", "p", (), "/run/s", 0, {})),
        (
            "sentinel://u:p@a:26379,b,c:1/2?master=m",
            Address("sentinel", "u", "p", (("a", 26379), ("b", None), ("c", 1)), "", 2, {"master": "m"}),
        ),
    ],
)
def test_each_kind_of_address(url: str, expected: Address) -> None:
    assert parse_address(url) == expected


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://h", "must begin with redis://, rediss://, unix:// or sentinel://"),
        ("h:6379", "must begin with"),
        ("redis+cluster://h", "Redis Cluster"),
        ("rediss-cluster://h", "Redis Cluster"),
        ("rediss://h?ssl_cert_reqs=none", "no option 'ssl_cert_reqs'"),
        ("rediss://h?ssl_cert_reqs=%6eone", "no option 'ssl_cert_reqs'"),
        ("rediss://h?ssl_check_hostname=false", "no option 'ssl_check_hostname'"),
        ("redis://h?ssl_ca_certs=/x", "expected db"),
        ("redis://h:port/0", "a port from 1 to 65535"),
        ("redis://h:65536/0", "a port from 1 to 65535"),
        ("redis://h/zero", "database by its number"),
        ("sentinel://h:26379/0", "master=NAME"),
    ],
)
def test_an_invalid_address_is_described_without_the_password(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        parse_address(url.replace("://", "://user:hunter2@", 1))
    assert "hunter2" not in str(refused.value)


def test_no_password_is_shown() -> None:
    assert "hunter2" not in repr(parse_address("redis://:hunter2@h"))


def test_sentinels_have_a_port_of_their_own() -> None:
    assert sentinels_of(parse_address("sentinel://a,b:7/0?master=m")) == [("a", 26379), ("b", 7)]


@pytest.mark.parametrize(
    ("url", "lacks"),
    [
        ("redis://jobs.example:6379/0", ("a password", "TLS")),
        ("redis://:secret@jobs.example/0", ("TLS",)),
        ("rediss://jobs.example/0", ("a password",)),
        ("rediss://user:secret@jobs.example/0", ()),
        ("rediss://jobs.example/0?ssl_certfile=c&ssl_keyfile=k", ()),
        ("redis://10.0.0.7/0", ("a password", "TLS")),
        ("redis://127.0.0.1.example/0", ("a password", "TLS")),
        ("redis://127.0.0.1:6379/0", ()),
        ("redis://127.8.9.1/0", ()),
        ("redis://[::1]:6379/0", ()),
        ("redis://[2001:db8::1]:6379/0", ("a password", "TLS")),
        ("redis://LOCALHOST/0", ()),
        ("unix:///run/redis.sock", ()),
        ("sentinel://127.0.0.1:26379,10.0.0.7:26379/0?master=m", ("a password", "TLS")),
        ("sentinel://127.0.0.1:26379,[::1]:26379/0?master=m", ()),
    ],
)
def test_a_server_elsewhere_is_to_have_a_password_and_tls(url: str, lacks: tuple[str, ...]) -> None:
    assert unprotected(parse_address(url)) == lacks
