"""Which proxy leads to the API, held against what curl documents and its own tests of NO_PROXY show."""

from base64 import b64decode

import pytest

from worker.core.access.proxy import bypasses, parse_proxy, proxy_of

API = "https://console.test"
SECRET = "hunter2-the-password"


@pytest.mark.parametrize(
    ("host", "no_proxy", "direct"),
    [
        ("www.example.com", "localhost,.example.com,.example.de", True),
        ("www.example.com.", "localhost,.example.com,.example.de", True),
        ("example.com", "localhost,.example.com,.example.de", True),
        ("www.example.com", "localhost,.example.com.,.example.de", True),
        ("www.example.com", "localhost,example.com,.example.de", True),
        ("WWW.Example.com", "eXample.COM", True),
        ("nonexample.com", ".example.com, .example.net", False),
        ("www.example.com", "www2.example.com, .example.net", False),
        ("example.com", "www.example.com", False),
        ("foobar", "barfoo", False),
        ("localhost", "127.0.0.1,localhost", True),
        ("127.0.0.1", "127.0.0.1,localhost,", True),
        ("127.0.0.1", "127.0.0.1/8,localhost,", True),
        ("127.0.0.1", "localhost", False),
        ("192.168.0.1", "192.168.0.0/16", True),
        ("192.168.0.1", "192.168.0.0/32", False),
        ("192.168.0.1", "192.168.0.0", False),
        ("192.168.0.1", "192.168.0.0/33", False),
        ("192.168.0.1", "192.168.0.0/x", False),
        ("192.168.1.1", "foo, bar, 192.168.0.0/24", False),
        ("192.168.1.1", "foo, bar, 192.168.0.0/16", True),
        ("::1", "foo, bar, 192.168.0.0/16", False),
        ("::1", "foo, bar, ::1/64", True),
        ("::1", "0:0::1", True),
        ("bar", "foo,,,,,              bar, ::1/64", True),
        ("anything.test", "*", True),
        ("anything.test", "a.test,*", False),
        ("www.example.com", "*.example.com", False),
        ("bar", "foo bar", False),
        ("bar", "", False),
        ("bar", " , .,,", False),
        ("example.com", "example.com:443", True),
        ("www.example.com", ".example.com:443", True),
        ("example.com", "example.com:8443", False),
        ("10.0.0.1", "10.0.0.1:443", True),
        ("::1", "[::1]:443", True),
        ("::1", "[::1]:80", False),
    ],
)
def test_no_proxy_is_read_as_curl_reads_it(host: str, no_proxy: str, direct: bool) -> None:
    assert bypasses(no_proxy, host, 443) is direct


@pytest.mark.parametrize(
    ("environment", "api", "source"),
    [
        ({}, API, None),
        ({"https_proxy": "p:1"}, API, "https_proxy"),
        ({"HTTPS_PROXY": "p:1"}, API, "HTTPS_PROXY"),
        ({"https_proxy": "p:1", "HTTPS_PROXY": "q:1"}, API, "https_proxy"),
        ({"https_proxy": "", "HTTPS_PROXY": "q:1"}, API, "HTTPS_PROXY"),
        ({"http_proxy": "p:1", "HTTP_PROXY": "p:1"}, API, None),
        ({"http_proxy": "p:1"}, "http://console.test", "http_proxy"),
        ({"HTTP_PROXY": "p:1"}, "http://console.test", None),
        ({"https_proxy": "p:1"}, "http://console.test", None),
        ({"ALL_PROXY": "p:1"}, "http://console.test", "ALL_PROXY"),
        ({"ALL_PROXY": "p:1", "all_proxy": "q:1"}, API, "all_proxy"),
        ({"ALL_PROXY": "p:1", "HTTPS_PROXY": "q:1"}, API, "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": ".test"}, API, None),
        ({"HTTPS_PROXY": "p:1", "no_proxy": ".test", "NO_PROXY": "x"}, API, None),
        ({"HTTPS_PROXY": "p:1", "no_proxy": "x", "NO_PROXY": ".test"}, API, "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "p:1", "no_proxy": "", "NO_PROXY": ".test"}, API, None),
        ({"HTTPS_PROXY": "p:1"}, "https://127.0.0.1:8443", "HTTPS_PROXY"),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "127.0.0.0/8"}, "https://127.0.0.1:8443", None),
        ({"HTTPS_PROXY": "p:1", "NO_PROXY": "::1"}, "https://[::1]:8443", None),
        ({"HTTPS_PROXY": "no scheme or host", "NO_PROXY": "*"}, API, None),
    ],
)
def test_the_environment_names_a_proxy(environment: dict[str, str], api: str, source: str | None) -> None:
    found = proxy_of(environment, api)
    assert (None if found is None else found.source) == source


@pytest.mark.parametrize(
    ("text", "url", "login"),
    [
        ("http://proxy.test:3128", "http://proxy.test:3128", None),
        ("HTTP://proxy.test:3128/", "http://proxy.test:3128", None),
        ("proxy.test:3128", "http://proxy.test:3128", None),
        ("proxy.test", "http://proxy.test:1080", None),
        ("https://proxy.test", "https://proxy.test:443", None),
        ("http://[::1]:3128", "http://[::1]:3128", None),
        ("http://me:pass@proxy.test:3128", "http://proxy.test:3128", "me:pass"),
        ("me:pass@proxy.test:3128", "http://proxy.test:3128", "me:pass"),
        ("http://dom%5Cme:p%40s%3As%2F@proxy.test:3128", "http://proxy.test:3128", "dom\\me:p@s:s/"),
        ("http://m%C3%A9:%C3%BC@proxy.test:3128", "http://proxy.test:3128", "mé:ü"),
        ("http://me@proxy.test:3128", "http://proxy.test:3128", "me:"),
        ("http://me:p@ss@proxy.test:3128", "http://proxy.test:3128", "me:p@ss"),
    ],
)
def test_a_proxy_is_read(text: str, url: str, login: str | None) -> None:
    proxy = parse_proxy(text, "https_proxy")
    assert proxy.url == url
    told = proxy.authorization and b64decode(proxy.authorization.removeprefix("Basic ")).decode()
    assert told == login


@pytest.mark.parametrize(
    "text",
    [
        f"socks5h://me:{SECRET}@proxy.test:1080",
        f"ftp://me:{SECRET}@proxy.test",
        f"http://me:{SECRET}@proxy.test:0",
        f"http://me:{SECRET}@proxy.test:65536",
        f"http://me:{SECRET}@",
        f"http://me:{SECRET}@:3128",
        f"http://me:{SECRET}/x@proxy.test:3128",
        f"http://me:{SECRET}?x@proxy.test:3128",
        f"http://me:{SECRET}#x@proxy.test:3128",
        f"http://me:{SECRET}[x@proxy.test:3128",
        f"http://me:{SECRET}@proxy.test:{SECRET}",
        f"http://me:{SECRET}@proxy.test:3128/{SECRET}",
        f"http://me: {SECRET}@proxy.test:3128",
        f"http://me:{SECRET}@proxy.test:3128\r",
        f"http://me:{SECRET}@pro\nxy.test:3128",
        f"http://me:{SECRET}@pro,xy.test:3128",
        f"http://me:{SECRET}@pro\\xy.test:3128",
        "",
    ],
)
def test_a_url_that_cannot_be_a_proxy_is_rejected_and_not_quoted(text: str) -> None:
    with pytest.raises(ValueError, match=r"must|SOCKS") as caught:
        parse_proxy(text, "https_proxy")
    assert SECRET[:7] not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bad_proxy_of_the_environment_is_named_by_its_variable() -> None:
    with pytest.raises(ValueError, match=r"^ALL_PROXY: is a SOCKS proxy") as caught:
        proxy_of({"ALL_PROXY": f"socks5://me:{SECRET}@proxy.test"}, API)
    assert SECRET not in str(caught.value)


def test_a_proxy_shows_neither_user_nor_password() -> None:
    proxy = parse_proxy(f"http://secret-user:{SECRET}@proxy.test:3128", "https_proxy")
    for shown in (repr(proxy), str(proxy)):
        assert "proxy.test:3128" in shown
        assert SECRET not in shown
        assert "secret-user" not in shown
        assert str(proxy.authorization)[6:] not in shown
