"""What makes two runs the same."""

from relayproxy.lab.scenarios.reading import read
from relayproxy.lab.simulation.content import content_hash, scenario_hashes


def hashes(*texts: str) -> dict[str, str]:
    return scenario_hashes([read(text, f"{number}.yaml") for number, text in enumerate(texts)])


def test_the_hash_is_of_what_a_scenario_asks_for_and_of_nothing_else() -> None:
    one, other = "name: one\nturns: [{user: Hello}]", "name: other\nturns: [{user: Hello}]"
    both, moved = hashes(one, other), hashes(other, f"# a comment\nabout: The same.\n{one}")
    assert both == moved
    assert content_hash(both) == content_hash(moved) != content_hash(hashes(one))
    for changed in (f"{one}\nparameters: {{a: b}}", f"{one}\nexpect: {{interruptions: 0}}", one.replace("Hello", "Hi")):
        assert hashes(one) != hashes(changed)
