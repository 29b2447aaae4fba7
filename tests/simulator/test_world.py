"""The world: the fate of ids, and what requests change."""

from collections import Counter

from worker.simulator.chance import Dice
from worker.simulator.lists import Failure
from worker.simulator.world import ALREADY_ACTIVE, REFUSALS, Token, TokenTraits, World

ORDINARY = TokenTraits(Dice(0))
IDS = [f"id-{number}" for number in range(2000)]


def activated(world: World, traits: TokenTraits, ids: list[str]) -> dict[str, str]:
    """The failures, by id."""
    world.receive(ids, traits)
    return {failure.id: failure.message for failure in world.activate(ids).failures}


def test_an_id_never_heard_of_is_activated_once() -> None:
    world = World()
    world.receive(["a"], ORDINARY)
    assert world.activate(["a"]).successes == ["a"]
    assert world.activate(["a"]).failures == [Failure("a", ALREADY_ACTIVE)]
    (line,) = world.lines("org")
    assert (line.org, line.id, line.active, line.was_active, line.activations) == ("org", "a", True, False, 1)


def test_an_id_active_beforehand_is_never_activated() -> None:
    world = World()
    assert activated(world, TokenTraits(Dice(0), active=1.0), ["a"]) == {"a": ALREADY_ACTIVE}
    (line,) = world.lines("org")
    assert (line.active, line.was_active, line.activations) == (True, True, 0)


def test_a_refused_id_stays_inactive_for_the_same_reason() -> None:
    world = World()
    traits = TokenTraits(Dice(0), fail=1.0)
    first = activated(world, traits, IDS)
    assert activated(world, traits, IDS) == first
    assert not any(line.active or line.activations for line in world.lines("org"))


def test_refusals_are_spread_over_all_messages() -> None:
    failures = activated(World(), TokenTraits(Dice(0), fail=1.0), IDS)
    kinds = Counter(message.replace(token_id, "{id}") for token_id, message in failures.items())
    assert set(kinds) == set(REFUSALS)
    assert min(kinds.values()) > 400


def test_fractions_of_ids_meet_their_fate() -> None:
    traits = TokenTraits(Dice(0), fail=0.1, active=0.2, poison=0.3)
    tokens = [traits.token(token_id) for token_id in IDS]
    assert 150 < sum(token.refusal is not None for token in tokens) < 250
    assert 340 < sum(token.was_active for token in tokens) < 460
    assert 520 < sum(token.poison for token in tokens) < 680
    assert all((token.refusal is not None) + token.was_active + token.poison <= 1 for token in tokens)


def test_the_fate_of_an_id_depends_on_neither_order_nor_repetition() -> None:
    traits = TokenTraits(Dice(7), fail=0.5)
    one, other = World(), World()
    forward = activated(one, traits, IDS)
    activated(other, traits, IDS[1000:])
    backward = activated(other, traits, IDS[::-1])
    assert {token_id: why for token_id, why in backward.items() if why != ALREADY_ACTIVE} == forward


def test_another_seed_is_another_world() -> None:
    worlds = [activated(World(), TokenTraits(Dice(seed), fail=0.5), IDS) for seed in (1, 2)]
    assert worlds[0] != worlds[1]


def test_fractions_that_change_leave_known_ids_as_they_are() -> None:
    world = World()
    world.receive(["a"], ORDINARY)
    assert activated(world, TokenTraits(Dice(0), fail=1.0), ["a", "b"]).keys() == {"b"}


def test_receiving_and_admitting_are_counted_apart() -> None:
    world = World()
    assert world.receive(["a", "b"], ORDINARY) == 0
    assert world.receive(["b", "c"], ORDINARY) == 1
    assert world.admit(["b", "c"]) == 0
    assert world.admit(["b"]) == 1
    assert [(line.id, line.sent, line.admitted) for line in world.lines("org")] == [
        ("a", 1, 0),
        ("b", 2, 2),
        ("c", 1, 1),
    ]


def test_one_poisoned_id_poisons_its_company() -> None:
    world = World()
    world.receive(["a"], ORDINARY)
    world.receive(["b"], TokenTraits(Dice(0), poison=1.0))
    assert not world.poisoned(["a"])
    assert world.poisoned(["a", "b"])


def test_ids_that_come_while_the_world_is_read_do_not_disturb_it() -> None:
    world = World()
    world.receive(["a", "b"], ORDINARY)
    lines = world.lines("org")
    first = next(lines)
    world.receive(["c"], ORDINARY)
    assert [first.id, *(line.id for line in lines)] == ["a", "b"]


def test_a_token_holds_no_more_than_its_fields() -> None:
    assert not hasattr(Token(), "__dict__")
