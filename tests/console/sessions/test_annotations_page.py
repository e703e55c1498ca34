"""Tags, notes and downloads in a real browser."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from relayproxy.store.write.archive import Archive
from tests.console import samples
from tests.console.browser import Pages

OpenPage = Callable[..., Page]


def test_a_reader_tags_and_notes_without_leaving_the_page(visit: OpenPage, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    page = visit(f"/sessions/{call.id}")
    section = page.locator("#annotations")
    page.evaluate("window.stayed = true")

    section.get_by_label("Write a note").fill("Half a thought")
    section.get_by_label("Add a tag").fill("To do")
    section.get_by_label("Add a tag").press("Enter")
    expect(section.locator(".given")).to_have_text(["to-do"])
    expect(section.get_by_label("Add a tag")).to_be_focused()
    expect(section.get_by_label("Add a tag")).to_have_value("")
    expect(section.get_by_label("Write a note")).to_have_value("Half a thought")

    section.get_by_label("Write a note").press("End")
    section.get_by_label("Write a note").press_sequentially(", whole now")
    section.get_by_label("Write a note").press("Control+Enter")
    expect(section.locator(".note-text")).to_have_text(["Half a thought, whole now"])
    expect(section.get_by_label("Write a note")).to_have_value("")

    section.get_by_label("Remove the tag to-do").click()
    expect(section.locator(".given")).to_have_count(0)
    section.get_by_label("Delete the note by local").click()
    expect(section.locator(".note-text")).to_have_count(0)
    assert page.evaluate("window.stayed")


def test_what_was_refused_is_said_and_stays_in_its_field(pages: Pages, console: str, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    # A browser complains of every refused request.
    with pages.unwatched(console) as page:
        page.goto(f"{console}/sessions/{call.id}")
        section = page.locator("#annotations")
        section.get_by_label("Add a tag").fill("::")
        section.get_by_label("Add a tag").press("Enter")

        expect(section.get_by_role("alert")).to_have_text("tag=::: a tag of 1 to 40 letters and digits is expected")
        expect(section.get_by_label("Add a tag")).to_have_value("::")
        section.get_by_label("Add a tag").fill("long" * 11)
        section.get_by_label("Add a tag").press("Enter")
        expect(section.get_by_role("alert")).to_contain_text("a tag of 1 to 40 letters and digits is expected")
        expect(section.get_by_label("Add a tag")).to_have_value("long" * 11)
        section.get_by_label("Add a tag").fill("to do")
        section.get_by_label("Add a tag").press("Enter")
        expect(section.locator(".given")).to_have_text(["to-do"])
        expect(section.get_by_role("alert")).to_be_hidden()


def test_what_is_being_typed_survives_a_live_update(visit: OpenPage, archive: Archive) -> None:
    call = samples.Call(archive, samples.ago(10)).setup().asks(1, "Hello?").commit()
    page = visit(f"/sessions/{call.id}")
    field = page.locator("#annotations").get_by_label("Write a note")
    field.fill("She asks about")
    call.answers(5, "Good evening.").commit()
    expect(page.locator("#turns")).to_contain_text("Good evening.")

    expect(field).to_be_focused()
    field.press_sequentially(" refunds")
    expect(field).to_have_value("She asks about refunds")


def test_without_scripts_the_same_forms_post_and_come_back(visit: OpenPage, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    page = visit(f"/sessions/{call.id}", java_script_enabled=False)
    page.get_by_label("Add a tag").fill("To do")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#annotations .given")).to_have_text(["to-do"])
    assert page.url.endswith("#annotations")
    page.get_by_label("Write a note").fill("Without scripts")
    page.get_by_role("button", name="Add note").click()
    expect(page.locator(".note-text")).to_have_text(["Without scripts"])
    page.get_by_label("Remove the tag to-do").click()
    expect(page.locator("#annotations .given")).to_have_count(0)


def test_the_menu_of_downloads_opens_and_closes(visit: OpenPage, archive: Archive) -> None:
    call = samples.booking(archive, samples.ago(100)).commit()
    page = visit(f"/sessions/{call.id}")
    page.get_by_text("Download").click()
    with page.expect_download() as loading:
        page.get_by_role("link", name="Transcript").click()
    assert loading.value.suggested_filename == f"{call.vx}.txt"
    expect(page.get_by_role("link", name="Transcript")).to_be_hidden()

    page.get_by_text("Download").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Transcript")).to_be_hidden()
    expect(page.locator("#download summary")).to_be_focused()
