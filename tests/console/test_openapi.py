"""The OpenAPI document: it is valid and complete, and what the API really answers is what it says."""

import io
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from relayproxy import __version__
from relayproxy.config import Settings
from relayproxy.console.app import build
from relayproxy.console.openapi import DOCUMENT
from relayproxy.console.operations import OPERATIONS, Operation
from relayproxy.console.schemas_house import ERRORS
from relayproxy.store.archive import Archive
from relayproxy.store.engine import open_engine
from relayproxy.store.pen import Pen
from relayproxy.store.queries import Queries
from relayproxy.store.vitals import JournalVitals, OtlpVitals, Vitals, VitalsWriter

from . import calls
from .conftest import Client
from .door import BEARER, console_on, settings_in, sign_in
from .fortnight import record

ROOT = Path(__file__).parent.parent.parent
GUIDE = (ROOT / "docs/api.md").read_text("utf-8")
BY_ID = {one.id: one for one in OPERATIONS}

PARTS = {
    "/sessions/rows",
    "/sessions/facets",
    "/sessions/overview",
    "/sessions/{id}/parts",
    "/sessions/{id}/desk",
    "/sessions/{id}/messages",
    "/sessions/{id}/messages/{cursor}",
}
"""Fragments: pieces of pages, in HTML."""
STREAMS = {"/sessions/live", "/sessions/{id}/live", "/live/stream"}
"""Events that keep pages current."""
OTHERS = {
    "/": "leads to the list",
    "/sessions/{id}/slowest": "leads to a turn",
    "/sessions/{id}/timeline": "JSON, the same as under /api/",
    "/sessions/{id}/recording": "a file, the same as under /api/",
    "/signin": "a form; programs have tokens",
    "/static/{version}/{name}": "a file",
    "/healthz": "JSON, for whatever restarts the process",
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    # Nothing listens on port 1.
    return Settings(
        data_dir=tmp_path / "data",
        backend="ws://127.0.0.1:1",
        listen="127.0.0.1:1",
        public_url="ws://127.0.0.1:1",
        routes={"bookings": {"backend": "ws://127.0.0.1:1/ws"}},  # type: ignore[dict-item]
    )


def validator(schema: Any) -> Draft202012Validator:
    """One that knows the document's own schemas."""
    whole = Resource.from_contents(DOCUMENT, DRAFT202012)
    registry: Registry[Any] = Registry().with_resource("urn:document", whole)
    return Draft202012Validator(_absolute(schema), registry=registry)


def _absolute(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {name: f"urn:document{value}" if name == "$ref" else _absolute(value) for name, value in schema.items()}
    return [_absolute(one) for one in schema] if isinstance(schema, list) else schema


def complaints(schema: Any, value: Any) -> list[str]:
    return [f"{error.json_path}: {error.message[:300]}" for error in validator(schema).iter_errors(value)]


async def ask(client: Client, name: str, query: str = "", body: Any = None, **parts: str) -> Any:
    """The answer of an operation, which is as the document says."""
    one = BY_ID[name]
    path = one.path.format(**parts) + (f"?{query}" if query else "")
    async with client.request(one.method, path, json=body) as response:
        assert response.status == one.status, await response.text()
        if not one.answers:
            assert await response.read() == b""
            return None
        assert response.content_type in one.answers
        if response.content_type != "application/json":
            return await response.read()
        found = await response.json()
    assert complaints(one.answers["application/json"], found) == []
    return found


async def refused(client: Client, method: str, path: str, status: int, **more: Any) -> str:
    """The code of an error, which is told in the one shape."""
    async with client.request(method, path, **more) as response:
        assert response.status == status, await response.text()
        assert response.content_type == "application/json"
        problem = await response.json()
    assert complaints(DOCUMENT["components"]["schemas"]["Error"], problem) == []
    assert problem["error"]["code"] in ERRORS[status]
    return str(problem["error"]["code"])


def routes(settings: Settings, queries: Queries, pen: Pen) -> Iterator[tuple[str, str]]:
    """Method and path of everything that the console answers."""
    for route in build(settings, queries, pen).router.routes():
        assert route.resource is not None
        if route.method != "HEAD":
            yield route.method.lower(), route.resource.canonical


def test_it_is_valid() -> None:
    validate(DOCUMENT)
    assert DOCUMENT["info"]["version"] == __version__
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_schema_of_an_object_is_closed() -> None:
    def objects(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            if "properties" in value and "type" in value:
                yield value
            for one in value.values():
                yield from objects(one)
        elif isinstance(value, list):
            for one in value:
                yield from objects(one)

    found = list(objects(DOCUMENT))
    assert len(found) > 50
    assert all(one["additionalProperties"] is False and set(one["required"]) == set(one["properties"]) for one in found)


def test_every_schema_is_used() -> None:
    told = str(DOCUMENT)
    assert [name for name in DOCUMENT["components"]["schemas"] if f"'#/components/schemas/{name}'" not in told] == []


async def test_every_path_of_the_api_is_in_it(settings: Settings, queries: Queries, pen: Pen) -> None:
    there = {(method, path) for method, path in routes(settings, queries, pen) if path.startswith("/api/")}
    told = {(one.method, one.path) for one in OPERATIONS}
    assert there == told
    assert len({one.id for one in OPERATIONS}) == len(OPERATIONS)
    for one in OPERATIONS:
        in_path = [name["name"] for name in one.parameters if name["in"] == "path"]
        assert in_path == re.findall(r"\{(\w+)\}", one.path)


async def test_every_page_has_a_twin(settings: Settings, queries: Queries, pen: Pen) -> None:
    there = {path for method, path in routes(settings, queries, pen) if method == "get"}
    pages = {path for path in there if not path.startswith("/api/")} - PARTS - STREAMS - set(OTHERS)
    assert pages == {one.page for one in OPERATIONS if one.page}
    assert there >= PARTS | STREAMS | set(OTHERS)


async def test_everything_that_a_form_can_do_programs_can(settings: Settings, queries: Queries, pen: Pen) -> None:
    forms = {path for method, path in routes(settings, queries, pen) if method == "post"} - {"/signin", "/signout"}
    twins = {"/sessions/{id}/tags", "/sessions/{id}/notes"}
    assert {path for path in forms if not path.startswith("/api/")} == {*twins, "/connect/check"}
    assert forms >= {f"/api{path}" for path in twins}
    assert "check" in {parameter["name"] for parameter in BY_ID["getConnect"].parameters}


def test_every_error_code_in_use_is_in_it() -> None:
    made: set[tuple[int, str]] = set()
    for path in (ROOT / "relayproxy/console").glob("*.py"):
        found = re.findall(r"Problem\(\s*(\d{3}),\s*\"(\w+)\"", path.read_text("utf-8"))
        made |= {(int(status), code) for status, code in found}
    assert made == {(status, code) for status, some in ERRORS.items() for code in some}


def test_the_guide_has_every_endpoint_and_every_code() -> None:
    def row(one: Operation) -> str:
        return f"| `{one.method.upper()}` | `{one.path}` | {one.says} | {f'`{one.page}`' if one.page else ''} |"

    table = GUIDE[GUIDE.index("| method |") :].split("\n\n", 1)[0].splitlines()[2:]
    assert table == [row(one) for one in OPERATIONS]
    codes = GUIDE[GUIDE.index("| status |") :].split("\n\n", 1)[0].splitlines()[2:]
    assert codes == [
        f"| {status} | `{code}` | {words} |" for status, some in ERRORS.items() for code, words in some.items()
    ]


async def test_it_is_served(client: Client) -> None:
    assert await ask(client, "getOpenAPI") == DOCUMENT


def everything(archive: Archive) -> dict[str, calls.Call]:
    """Calls of every kind."""
    live = calls.Call(archive, calls.ago(40), route="bookings").setup(call_sid="CA1")
    live.asks(5, "Is anybody there?").answers(5.6, "Yes.").asks(20, "And the refund?")
    wrong = calls.Call(archive, calls.ago(50)).setup(call_sid="CA1")
    wrong.text(1, "backend", '{"type":"txt","token":"Hi"}').twilio(2, "prompt", voicePrompt="Hi", lang="en", last=True)
    wrong.answers(3, "**Hello** [there](https://example.com/a)").backend(4, "end", handoffData={"a": [1]})
    return {
        "booking": calls.booking(archive, calls.ago(900)).commit(),
        "failing": calls.failing(archive, calls.ago(800)).commit(),
        "refused": calls.refused(archive, calls.ago(700)).commit(),
        "odd": calls.odd(archive, calls.ago(600)).commit(),
        "wrong": wrong.hang_up(4.5).commit(),
        "live": live.commit(),
        "silent": calls.Call(archive, calls.ago(5)).commit(),
    }


KINDS = ("booking", "failing", "refused", "odd", "wrong", "live", "silent")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_session_is_as_it_says(client: Client, archive: Archive, kind: str) -> None:
    call = everything(archive)[kind]
    found = await ask(client, "getSession", id=call.id)
    turns = await ask(client, "listTurns", id=call.id)
    assert turns["items"] == found["turns"]
    await ask(client, "listMessages", id=call.id)
    await ask(client, "listMessages", "from=twilio&type=setup&type=prompt&text=e", id=call.id)
    timeline = await ask(client, "getTimeline", id=call.id)
    await ask(client, "getTimeline", f"first={timeline['settled']}", id=call.id)
    file = await ask(client, "downloadSession", "format=json", id=call.id)
    assert file["turns"] == found["turns"]
    assert (await ask(client, "downloadSession", id=call.id)).startswith(b"\x1f\x8b")
    assert b"Recording" in await ask(client, "downloadSession", "format=text", id=call.id)


async def test_lists_are_as_they_say(client: Client, archive: Archive) -> None:
    everything(archive)
    assert len((await ask(client, "listSessions"))["items"]) == len(KINDS)
    assert (await ask(client, "listSessions", "q=%22booking+number%22"))["items"][0]["hits"]
    assert len((await ask(client, "getCall", call_sid="CA1"))["sessions"]) == 2
    assert {item["awaited"]["state"] for item in (await ask(client, "listLive"))["items"]} == {"agent", "caller"}
    assert (await ask(client, "getFacets", "q=transition:failed"))["items"]
    for text in ("", "tra", "transition:f", "turns:", "param.", "since:", "route:b"):
        await ask(client, "completeFilter", f"q={text}&at={len(text)}")
    assert (await ask(client, "getOverview"))["items"]


@pytest.mark.parametrize(
    "query",
    ["", "q=since:14d", "q=since:14d&by=route", "by=param.release", "a=since:7d&b=since:14d+until:7d", "q=turns:>99"],
)
async def test_numbers_over_many_calls_are_as_they_say(client: Client, archive: Archive, query: str) -> None:
    everything(archive)
    record(archive, calls.ago(0), a_day=12)
    await ask(client, "getInsight", query)
    await ask(client, "getOverview", "q=since:14d")


async def test_numbers_over_no_calls_are_as_they_say(client: Client, archive: Archive) -> None:
    assert archive.sessions() == 0
    for query in ("", "by=tag", "a=route:x&b=-route:x"):
        await ask(client, "getInsight", query)
    for id in ("getOverview", "listSessions", "getFacets", "completeFilter", "listLive", "listTags", "listAudit"):
        await ask(client, id)


async def test_what_people_add_is_as_it_says(client: Client, archive: Archive) -> None:
    call = calls.booking(archive, calls.ago(100)).commit()
    assert await ask(client, "addTag", body={"tag": "To do!"}, id=call.id) == {"tag": "to-do"}
    note = await ask(client, "addNote", body={"text": "Ask them."}, id=call.vx)
    assert (await ask(client, "listTags"))["items"] == ["to-do"]
    assert (await ask(client, "listSessionTags", id=call.id))["items"] == ["to-do"]
    assert (await ask(client, "listNotes", id=call.id))["items"] == [note]
    await ask(client, "deleteNote", id=call.id, note=str(note["id"]))
    await ask(client, "removeTag", id=call.id, tag="to-do")
    await ask(client, "downloadSession", id=call.id)
    actions = [entry["action"] for entry in (await ask(client, "listAudit"))["items"]]
    assert actions == ["export", "untag", "delete_note", "note", "tag", "view"]
    assert len((await ask(client, "listAudit", f"action=note&actor=local&subject={call.id}"))["items"]) == 1


async def test_health_and_connecting_are_as_they_say(client: Client, archive: Archive) -> None:
    assert (await ask(client, "getHealth"))["recorders"] == []
    everything(archive)
    for query in ("", "check=1", "check=0"):
        found = await ask(client, "getConnect", query)
    assert [way["checks"]["public"]["state"] for way in found["items"]] == ["bad", "bad"]
    assert {way["last_call"] is None for way in found["items"]} == {False}


@pytest.mark.parametrize("trouble", [False, True])
async def test_what_recorders_report_is_as_it_says(
    client: Client, archive: Archive, settings: Settings, trouble: bool
) -> None:
    journals = (JournalVitals("20261124T061203-1f2e3d4c", True, 1, 4096, 17),)
    otlp = OtlpVitals("http://127.0.0.1:1", 1, 2, 3, *((calls.ago(9), "connection refused") if trouble else ()))
    late: dict[str, Any] = {
        "trouble": "locked",
        "trouble_at": calls.ago(3),
        "commit_at": calls.ago(5),
        "commit_ms": 1.5,
    }
    vitals = Vitals("1", "here", 1, 2, "/data", journals=journals, otlp=otlp, **(late if trouble else {}))
    writer = VitalsWriter(open_engine(settings.database))
    writer.write("recorder:here:1-1", vitals)
    writer.close()
    assert archive.sessions() == 0
    assert len((await ask(client, "getHealth"))["recorders"]) == 1


async def test_without_a_database(client: Client) -> None:
    assert (await ask(client, "getHealth"))["database"] is None
    await ask(client, "getConnect")
    for one in OPERATIONS:
        if one.id in ("getHealth", "getConnect", "getOpenAPI"):
            continue
        # Fields are known without one, their values are not.
        path = re.sub(r"\{\w+\}", "1", one.path) + "?q=route:" * (one.id == "completeFilter")
        body = {"tag": "a"} if one.id == "addTag" else {"text": "a"} if one.id == "addNote" else None
        assert await refused(client, one.method, path, 503, json=body) == "not_ready", one.id


async def test_errors_are_as_they_say(client: Client, archive: Archive) -> None:
    call = calls.booking(archive, calls.ago(100)).commit()
    for one in OPERATIONS:
        if "{" in one.path and one.method == "get":
            assert await refused(client, "get", re.sub(r"\{\w+\}", "nobody", one.path), 404) == "not_found"
        assert await refused(client, "patch", re.sub(r"\{\w+\}", "x", one.path), 405) == "method_not_allowed"
    session = f"/api/sessions/{call.id}"
    for path in (f"{session}/notes/99", f"{session}/notes/x", f"{session}/tags/none"):
        await refused(client, "delete", path, 404)
    for path in ("/api", "/api/", "/api/nothing", "/api/sessions/"):
        await refused(client, "get", path, 404)
    for path in (
        "/api/sessions?limit=0",
        "/api/sessions?before=1",
        "/api/sessions?q=nonsense:1",
        "/api/audit?before=x",
        "/api/overview?q=nonsense:1",
        "/api/insight?q=nonsense:1",
        "/api/insight?a=live",
        "/api/insight?by=nonsense",
        "/api/facets?q=nonsense:1",
        "/api/complete?at=-1",
        f"{session}/turns?after=x",
        f"{session}/messages?after=x",
        f"{session}/messages?from=x",
        f"{session}/messages?text={'x' * 201}",
        f"{session}/timeline?first=x",
        f"{session}/recording?format=x",
    ):
        assert await refused(client, "get", path, 400) == "bad_request"
    bodies: tuple[Any, ...] = ({}, {"tag": 1}, {"tag": "!"}, [], "x")
    for body in bodies:
        await refused(client, "post", f"{session}/tags", 400, json=body)
    assert await refused(client, "post", f"{session}/notes", 413, data=io.BytesIO(b"x" * 1_100_000)) == "too_large"


async def test_who_may_ask(tmp_path: Path) -> None:
    async with console_on(settings_in(tmp_path)) as client:
        for one in OPERATIONS:
            path = re.sub(r"\{\w+\}", "x", one.path)
            assert await refused(client, one.method, path, 401) == "sign_in_required"
        wrong = {"Authorization": "Bearer rp_wrong"}
        assert await refused(client, "get", "/api/openapi.json", 401, headers=wrong) == "wrong_token"
        assert await refused(client, "get", "/api/audit", 403, headers=BEARER) == "forbidden"
        assert await refused(client, "get", "/api/connect?check=1", 403, headers=BEARER) == "forbidden"
        foreign = {**BEARER, "Origin": "https://elsewhere.example"}
        assert await refused(client, "get", "/api/health", 403, headers=foreign) == "cross_origin"
        assert [one.id for one in OPERATIONS if one.admin] == ["listAudit"]
        assert await sign_in(client) == 303
        schemes = DOCUMENT["components"]["securitySchemes"]
        assert {cookie.key for cookie in client.session.cookie_jar} == {schemes["cookie"]["name"]}
        await ask(client, "getOpenAPI")


# -- cursors -----------------------------------------------------------------------------------------------------------


async def pages(client: Client, name: str, query: str, limit: int, **parts: str) -> AsyncIterator[list[Any]]:
    """All pages of a list, one after the other."""
    cursor, known = "", {parameter["name"] for parameter in BY_ID[name].parameters}
    place = "before" if "before" in known else "after"
    while True:
        found = await ask(client, name, f"{query}&limit={limit}{cursor}", **parts)
        assert len(found["items"]) <= limit
        yield found["items"]
        if found["next"] is None:
            return
        cursor = f"&{place}={found['next']}"


def test_the_lists_with_cursors_are_known() -> None:
    paged = {one.id for one in OPERATIONS if any(parameter["name"] == "limit" for parameter in one.parameters)}
    assert paged == {"listSessions", "listTurns", "listMessages", "listAudit"}


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
@pytest.mark.parametrize("filter", ["", "q=turns:>0"])
async def test_sessions_stay_in_their_place(client: Client, archive: Archive, limit: int, filter: str) -> None:
    began = calls.ago(500)
    # Some begin in the same nanosecond.
    ended = [calls.booking(archive, began + n // 3 * calls.S).commit() for n in range(7)]
    live = [calls.Call(archive, began + n // 2 * calls.S).setup().asks(1, "Hi").commit() for n in range(4)]
    met: list[str] = []
    late: set[str] = set()
    async for items in pages(client, "listSessions", filter, limit):
        met += [item["id"] for item in items]
        late.add(calls.Call(archive).setup().asks(1, "Hi").commit().id)
        late.add(calls.booking(archive, calls.ago(60)).commit().id)
    assert len(met) == len(set(met))
    newest = [sorted(some, key=lambda call: (call.began, call.id), reverse=True) for some in (live, ended)]
    assert [id for id in met if id not in late] == [call.id for some in newest for call in some]


async def test_a_call_that_ends_while_somebody_pages_is_not_missed(client: Client, archive: Archive) -> None:
    live = [calls.Call(archive, calls.ago(100 - n)).setup().commit() for n in range(4)]
    met: list[tuple[str, bool]] = []
    async for items in pages(client, "listSessions", "", 1):
        met += [(item["id"], item["live"]) for item in items]
        if len(met) == 2:
            # One that has been met, and one that has not.
            live[3].hang_up(50).commit()
            live[0].hang_up(50).commit()
    assert {id for id, _ in met} == {call.id for call in live}
    # The one that had been met comes a second time, now with its end.
    assert [alive for id, alive in met if id == live[3].id] == [True, False]
    assert len(met) == len(live) + 1


@pytest.mark.parametrize("limit", [1, 3, 6, 500])
async def test_turns_stay_in_their_place(client: Client, archive: Archive, limit: int) -> None:
    call = calls.Call(archive, calls.ago(100)).setup()
    for number in range(6):
        call.asks(1 + number * 4, "Next?").answers(2 + number * 4, f"Answer {number}.")
    call.commit()
    numbers: list[int] = []
    at = 30.0
    async for items in pages(client, "listTurns", "", limit, id=call.id):
        numbers += [item["number"] for item in items]
        if at < 50:
            call.asks(at, "More?").answers(at + 1, "Yes.").commit()
            at += 5
    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 7


@pytest.mark.parametrize("filter", ["", "from=backend", "type=prompt&type=setup"])
@pytest.mark.parametrize("limit", [1, 2, 9])
async def test_messages_stay_in_their_place(client: Client, archive: Archive, limit: int, filter: str) -> None:
    call = calls.Call(archive, calls.ago(100)).setup()
    for number in range(4):
        call.asks(1 + number * 4, "Next?").answers(2 + number * 4, f"Answer {number}.")
    call.commit()
    met: list[int] = []
    at = 30.0
    async for items in pages(client, "listMessages", filter, limit, id=call.id):
        met += [item["seq"] for item in items]
        if at < 50:
            call.asks(at, "More?").commit()
            at += 5
    everything = [item["seq"] for item in (await ask(client, "listMessages", filter, id=call.id))["items"]]
    assert met == sorted(set(met))
    assert met == everything[: len(met)]
    assert len(met) >= 5


@pytest.mark.parametrize("limit", [1, 2, 4])
async def test_the_audit_stays_in_its_place(client: Client, archive: Archive, limit: int) -> None:
    call = calls.booking(archive, calls.ago(100)).commit()
    for number in range(9):
        await ask(client, "addTag", body={"tag": f"tag{number}"}, id=call.id)
    before = (await ask(client, "listAudit"))["items"]
    met: list[Any] = []
    async for items in pages(client, "listAudit", "", limit):
        met += items
        await ask(client, "addNote", body={"text": "Meanwhile."}, id=call.id)
    assert met == before
