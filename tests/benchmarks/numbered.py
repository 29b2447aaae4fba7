"""The fast API over numbered ids, of which it remembers one byte each.

    python -m tests.benchmarks.numbered --ids N [--latency SECONDS]     # as `echo`; /stats tells the world

It refuses each twentieth id and activates the others. An id looks like any GUID and is its number, times an
odd constant: ten million of them take 10 MB here, where a set of their names takes more than 1 GB.
"""

import argparse
import asyncio
from collections.abc import Iterator
from typing import Any, Final

from tests.benchmarks.echo import Api, serve

_BITS: Final = 2**128
_ODD: Final = 0x9E3779B97F4A7C15F39CC0605CEDC835
_BACK: Final = pow(_ODD, -1, _BITS)
_EACH: Final = 20
_MAX_SENT: Final = 255
"""How often an id was sent, up to what a byte can count."""


def named(number: int) -> str:
    text = f"{(number + 1) * _ODD % _BITS:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def number_of(token_id: str) -> int:
    """The number of an id, some number that no id has for anything else that looks like one."""
    return int(token_id.replace("-", ""), 16) * _BACK % _BITS - 1


def is_refused(number: int) -> bool:
    return number % _EACH == 0


def names(count: int) -> Iterator[str]:
    return map(named, range(count))


class NumberedApi(Api):
    def __init__(self, count: int, latency: float) -> None:
        super().__init__(latency)
        self._sent = bytearray(count)
        self._strangers = 0

    def result_lists(self, ids: list[str]) -> dict[str, list[Any]]:
        answer: dict[str, list[Any]] = {"successes": [], "failures": []}
        for token_id in ids:
            number = number_of(token_id)
            if not 0 <= number < len(self._sent):
                self._strangers += 1
                continue
            self._sent[number] = min(self._sent[number] + 1, _MAX_SENT)
            if is_refused(number):
                answer["failures"].append({"id": token_id, "message": "Token not found"})
            else:
                answer["successes"].append(token_id)
        return answer

    def stats(self) -> dict[str, float]:
        """Besides what any tells: ids of its world by what became of them."""
        never = self._sent.count(0)
        refused = len(self._sent[::_EACH]) - self._sent[::_EACH].count(0)
        return {
            **super().stats(),
            "activated": len(self._sent) - never - refused,
            "failed": refused,
            "never_sent": never,
            "sent_again": len(self._sent) - never - self._sent.count(1),
            "strangers": self._strangers,
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ids", type=int, required=True)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    given = parser.parse_args()
    asyncio.run(serve(NumberedApi(given.ids, given.latency)))
