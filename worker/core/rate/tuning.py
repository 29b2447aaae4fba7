"""The constants of the learner. README.md says what half and twice each of them would cost."""

from typing import Final

# When to decide.
LOOK: Final = 0.2
"""Minimum seconds between two decisions."""
ENOUGH: Final = 3.0
"""Minimum requests between two decisions."""
ENOUGH_WHERE_SLOW: Final = 1.8
"""The same in a slow climb: a decision that is due just before the third request does not wait for it."""
SLOW: Final = 8.0
"""Requests per second below which the first climb has few requests to go by, and goes on after fewer."""
TRUST: Final = 15
"""Requests that have to pass between two 429s for their rate to mean anything."""
USED: Final = 0.7
"""Share of the allowed rate that has to be used for the evidence to count: below it something else limits."""
REPORTING_LAG: Final = 0.1
"""Seconds before a 429 that other workers have not reported on yet: they report with each reservation."""

# How to climb.
FIRST_CLIMB: Final = 0.8
"""Increase per step of the first climb, as a share of the rate: nothing is known yet."""
FIRST_STEP: Final = 0.02
"""First increase of a later climb, as a share of `low`; with each step the excess over `low` doubles."""
FIRST_STEP_AFTER_FALL: Final = 0.5
"""The same where twice as much was allowed not long ago."""
RISEN: Final = 3.0
"""Ratio of a throttled rate to `low` above which the limit is taken to have risen."""
STEP_PASSED: Final = 1.1
"""Ratio of a throttled rate to `low` above which the step of the climb before it had passed."""
CLIMB_GAIN: Final = 1.01
"""Factor by which `low` then grows: that step showed that a little more is allowed."""
FORGET: Final = 60.0
"""Seconds in which the memory of a higher rate fades to about a third (1/e)."""

# How to close the bracket.
TWO_STEPS: Final = (1 + FIRST_CLIMB) ** 2
"""Ratio of the rate throttled in the first climb to the lower end of the bracket: the rate two steps ago."""
ONE_STEP: Final = 2.0
"""The same after a long hold that was asked for: a little more than one step, which was 1.8."""
TESTED: Final = 0.75
"""Minimum seconds without a 429 after which a tested rate counts as allowed."""
LONGEST_TEST: Final = 4.0
"""Maximum seconds of a test."""
CLOSE: Final = 1.04
"""Ratio of `high` to `low` below which nothing between them is tested any more."""
CLOSE_WHERE_DEAR: Final = 1.2
"""The same ratio where a 429 costs a long hold."""
MIDDLE: Final = 0.5
"""Position in the bracket of the rate to be tested, 0 is `low` and 1 is `high`, on a logarithmic scale."""
MIDDLE_WHERE_DEAR: Final = 0.3
DEAR: Final = 0.5
"""Seconds of hold from which on a 429 counts as costly."""
BURST: Final = 20.0
"""Requests that a token bucket may well hold; at least a second's worth is assumed."""

# How long to stay.
MARGIN: Final = 0.99
"""Share of `low` that is used between climbs."""
WAIT: Final = 8.0
"""Minimum seconds between two climbs."""
WAIT_AFTER_FALL: Final = 1.5
"""The same after a fall: a limit that fell may rise again."""
PRICE: Final = 40.0
"""Seconds between climbs for each second of hold that the last 429 cost: 2.5 % of the time."""
PRICE_AFTER_FALL: Final = 3.0
"""The same after a fall, when a climb may win much."""
REQUESTS: Final = 100.0
"""Minimum requests between two climbs, and since the last 429 for a 429 to be rare and change nothing."""
TOLERATED: Final = 20.0
"""Minimum seconds since the last 429, per second of hold, for a 429 to be rare and change nothing."""

# Where little passes.
CHANCE_STRIKES: Final = 2
"""Maximum 429s in a row that may be chance. More of them, with nothing passed between, are not."""
GUESSED_LOW: Final = 0.1
"""Lower end of a bracket, as a share of the rate, where nothing better is known."""
LOWEST: Final = 0.05
"""Lowest rate, in requests per second: however often it is throttled, a request goes out every 20 s."""
