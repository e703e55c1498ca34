"""The whole system with a receiver of spans, and backends that send theirs there. Recorder and receiver come and go."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from signal import SIGKILL
from typing import Any

from tests.running import Running, running
from tests.system.stack import Stack, stack, until

MODEL_AND_TOOL = ["chat small", "execute_tool find_table"]
"""What instrumented backends do for each answer."""
WORDS = "gen_ai.input.messages"
"""The attribute in which they tell what the caller said."""
Turns = list[tuple[str, list[str]]]
"""What the caller said in each turn, and the names of the backend's spans of it."""


class BackendStage:
    """Processes on one data folder; the receiver always on the same address."""

    def __init__(self, system: Stack, listen: str, processes: ExitStack) -> None:
        self.system = system
        self._listen = listen
        self._processes = processes
        self._receiver: Running | None = None

    def kill_recorder(self) -> None:
        self.system.recorder.stop(SIGKILL)

    def start_recorder(self) -> None:
        self.system.recorder = self._processes.enter_context(running("recorder", data_dir=self.system.data_dir))

    def stop_receiver(self) -> None:
        assert self._receiver is not None
        self._receiver.stop()

    def start_receiver(self) -> None:
        self._receiver = self._processes.enter_context(
            running("receiver", data_dir=self.system.data_dir, receiver__listen=self._listen)
        )

    async def spans(self, call_sid: str, *, said: int, count: int) -> dict[str, Any]:
        """The spans of a call, and its `turns`, once there are this many of both."""

        def found() -> dict[str, Any] | None:
            for session in self.system.sessions():
                if session["call_sid"] == call_sid:
                    path = f"/api/sessions/{session['id']}"
                    turns = [turn for turn in self.system.get(path)["turns"] if turn["caller_text"]]
                    spans: dict[str, Any] = self.system.get(f"{path}/spans")
                    return (
                        spans | {"path": path, "turns": turns}
                        if (len(turns), spans["total"]) == (said, count)
                        else None
                    )
            return None

        there: dict[str, Any] = await until(found)
        return there

    def wait(self, spans: dict[str, Any]) -> dict[str, Any]:
        """What the first of these turns waited for."""
        wait: dict[str, Any] = self.system.get(f"{spans['path']}/spans?turn={spans['turns'][0]['number']}")["wait"]
        return wait


def by_turn(spans: dict[str, Any]) -> Turns:
    """Those spans whose backend tells what the caller had said, in the turns that the API names; both must agree."""
    turns = {turn["number"]: turn["caller_text"] for turn in spans["turns"]}
    found: Turns = [(words, []) for words in turns.values()]
    places = {number: place for place, number in enumerate(turns)}
    for span in spans["items"]:
        if WORDS in span["attributes"]:
            assert turns[span["turn"]] == span["attributes"][WORDS]
            found[places[span["turn"]]][1].append(span["name"])
    return found


@contextmanager
def staged(data_dir: Path, listen: str, backends: Mapping[str, str]) -> Iterator[BackendStage]:
    """Everything as long as the block lasts, with a route for each backend; the receiver listens there."""
    routes = {name: {"backend": url} for name, url in backends.items()}
    default = next(iter(backends.values()))
    with stack(data_dir, default, routes=routes, verify="off") as system, ExitStack() as processes:
        stage = BackendStage(system, listen, processes)
        stage.start_receiver()
        yield stage
