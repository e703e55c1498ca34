"""Tags and notes over HTTP: what is taken, what is refused, who may take it away."""

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from relayproxy.console.access.principal import PRINCIPAL, Principal
from relayproxy.console.app import build
from relayproxy.console.http.middleware import Handler
from relayproxy.console.sessions.annotations import MAX_NOTE_LENGTH, note_of, tag_of
from relayproxy.settings.model import Settings
from relayproxy.store.read.queries import Queries
from relayproxy.store.write import annotations
from relayproxy.store.write.annotation_writer import AnnotationWriter
from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.conftest import Client


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Refund", "refund"),
        ("  needs  follow up ", "needs-follow-up"),
        ('a,b:c"d', "a-b-c-d"),
        ("ＦＵＬＬ width", "full-width"),
        ("Überfällig", "überfällig"),
        ("İstanbul", "i̇stanbul".replace("\u0307", "-")),
        ("v2.1+rc/3 #7 @bob _x", "v2.1+rc/3-#7-@bob-_x"),
        ("-->x<--", "x"),
        ("a\N{RIGHT-TO-LEFT OVERRIDE}b\x00c", "a-b-c"),
        ("x" * 40, "x" * 40),
    ],
)
def test_tags_are_made_alike(typed: str, kept: str) -> None:
    assert tag_of(typed) == kept
    assert tag_of(kept) == kept


@pytest.mark.parametrize("typed", ["", "  ", "::", "…", "#+", "x" * 41, "x" * 10_000_000])
def test_what_is_no_tag_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match="1 to 40"):
        tag_of(typed)


def test_notes_keep_their_lines() -> None:
    assert note_of("\r\n one\r\n\r\n two \r\n") == "one\n\n two"
    for refused in ("", " \n ", "x" * (MAX_NOTE_LENGTH + 1)):
        with pytest.raises(ValueError, match="1 to 4,000 characters"):
            note_of(refused)


async def json(client: Client, method: str, path: str, status: int = 200, **more: object) -> dict[str, object]:
    async with client.request(method, path, **more) as response:  # type: ignore[arg-type]
        assert response.status == status, await response.text()
        return {} if status == 204 else dict(await response.json())


async def test_a_program_gives_and_takes_tags(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    path = f"/api/sessions/{call.vx}/tags"

    assert await json(client, "POST", path, 201, json={"tag": "Needs refund"}) == {"tag": "needs-refund"}
    assert await json(client, "POST", path, 201, json={"tag": "a/b"}) == {"tag": "a/b"}
    assert await json(client, "GET", path) == {"items": ["a/b", "needs-refund"], "next": None}
    assert await json(client, "GET", "/api/tags") == {"items": ["a/b", "needs-refund"], "next": None}
    await json(client, "DELETE", f"{path}/a%2Fb", 204)
    problem = await json(client, "DELETE", f"{path}/a%2Fb", 404)
    assert problem == {"error": {"code": "not_found", "message": "The session has no tag a/b."}}
    assert await json(client, "GET", path) == {"items": ["needs-refund"], "next": None}


async def test_a_program_adds_and_deletes_notes(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    path = f"/api/sessions/{call.id}/notes"
    made = await json(client, "POST", path, 201, json={"text": "Called back."})

    assert (made["author"], made["text"]) == ("local", "Called back.")
    assert str(made["at"]).endswith("Z")
    assert await json(client, "GET", path) == {"items": [made], "next": None}
    await json(client, "DELETE", f"{path}/{made['id']}", 204)
    for gone in (made["id"], "0", "-1", "x", "9" * 40):
        await json(client, "DELETE", f"{path}/{gone}", 404)
    assert await json(client, "GET", path) == {"items": [], "next": None}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("tags", '{"tag": "::"}'),
        ("tags", '{"tag": 5}'),
        ("tags", "{}"),
        ("tags", "no json"),
        ("notes", '{"text": "  "}'),
        ("notes", '["text"]'),
    ],
)
async def test_what_a_program_got_wrong_is_told(client: Client, archive: Archive, path: str, body: str) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    problem = await json(client, "POST", f"/api/sessions/{call.id}/{path}", 400, data=body)
    assert problem["error"]["code"] == "bad_request"  # type: ignore[index]


async def test_nobody_writes_to_a_session_that_is_not_there(client: Client, archive: Archive) -> None:
    for path, body in (("tags", {"tag": "x"}), ("notes", {"text": "x"})):
        await json(client, "POST", f"/api/sessions/nobody/{path}", 404, json=body)
        await json(client, "GET", f"/api/sessions/nobody/{path}", 404)


async def test_too_many_tags_are_refused_in_words(client: Client, archive: Archive, writer: AnnotationWriter) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    for number in range(annotations.MAX_TAGS):
        annotations.add_tag(writer, call.id, f"t{number}")
    problem = await json(client, "POST", f"/api/sessions/{call.id}/tags", 400, json={"tag": "more"})
    assert problem["error"]["message"] == "tag=more: A session has at most 30 tags."  # type: ignore[index]


async def test_forms_work_without_scripts(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    base = f"/sessions/{call.id}"

    async def send(path: str, **form: str) -> str:
        async with client.post(base + path, data=form, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (303, f"{base}#annotations")
        async with client.get(base) as response:
            return (await response.text()).partition('id="annotations"')[2].partition("</section>")[0]

    shown = await send("/tags", tag="To do")
    assert '<a href="/sessions?q=tag%3Ato-do"' in shown
    shown = await send("/notes", text='<script>alert(1)</script>\n"quoted"')
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    number = shown.partition('id="note-')[2].partition('"')[0]
    shown = await send("/notes", remove=number)
    assert 'id="note-' not in shown
    shown = await send("/tags", tag="to-do", remove="1")
    assert "to-do" not in shown


async def test_a_form_that_is_wrong_gets_a_page_that_says_so(client: Client, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    async with client.post(f"/sessions/{call.id}/tags", data={"tag": "::"}) as response:
        assert response.status == 400
        assert "1 to 40 letters and digits" in await response.text()


async def test_tags_of_other_sessions_are_offered(client: Client, archive: Archive, writer: AnnotationWriter) -> None:
    one, other = (samples.booking(archive, samples.ago(ago)).commit() for ago in (200, 100))
    for tag in ("mine", "ours"):
        annotations.add_tag(writer, one.id, tag)
    annotations.add_tag(writer, other.id, "ours")
    async with client.get(f"/sessions/{other.id}/annotations") as response:
        text = await response.text()

    assert '<option value="mine">' in text
    assert '<option value="ours">' not in text


@pytest.mark.parametrize(("who", "status"), [("alice", 204), ("bob", 403), ("carol", 204)])
async def test_a_note_is_deleted_by_its_author_or_an_admin(
    settings: Settings, queries: Queries, writer: AnnotationWriter, archive: Archive, who: str, status: int
) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    note = annotations.add_note(writer, call.id, "alice", "Mine")
    assert note is not None

    @web.middleware
    async def signed_in(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[PRINCIPAL] = Principal(who, "admin" if who == "carol" else "viewer")
        return await handler(request)

    app = build(settings, queries, writer)
    app.middlewares.append(signed_in)
    async with TestClient(TestServer(app)) as client:
        async with client.get(f"/sessions/{call.id}/annotations") as response:
            assert ('aria-label="Delete the note' in await response.text()) == (status == 204)
        async with client.delete(f"/api/sessions/{call.id}/notes/{note.id}") as response:
            assert response.status == status
    assert (annotations.find_note(queries, call.id, note.id) is None) == (status == 204)
