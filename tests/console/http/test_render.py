"""A page is escaped, whole and for its reader."""

import aiohttp_jinja2
import jinja2
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from relayproxy.assets import web_dir
from relayproxy.console.http.render import PAGE_VALUES, add_global, compile_templates, render, set_up_templates
from relayproxy.console.http.static_files import StaticFiles


@pytest.fixture
def app() -> web.Application:
    """An application with templates of its own beside the console's, which are shared by all tests."""
    app = web.Application()
    set_up_templates(app, StaticFiles(web_dir() / "static"))
    environment = aiohttp_jinja2.get_env(app)
    app[aiohttp_jinja2.APP_KEY] = environment.overlay(
        loader=jinja2.DictLoader(
            {
                "said.html": "{{ said }}|{{ principal }}|{{ section }}",
                "made.html": "{{ now_ns // 1000000 == now_ms }} {{ zone }} {{ seen }}",
                "timed.html": "{{ at|local('clock') }}",
            }
        )
    )
    return app


def shown(app: web.Application, template: str, cookie: str = "", **context: object) -> str:
    request = make_mocked_request("GET", "/", headers={"Cookie": cookie}, app=app)
    response = render(template, request, context)
    assert (response.status, response.content_type, response.charset) == (200, "text/html", "utf-8")
    assert isinstance(response.body, bytes)
    return response.body.decode()


def test_whatever_somebody_said_is_text(app: web.Application) -> None:
    assert shown(app, "said.html", said='<b>&"') == "&lt;b&gt;&amp;&#34;|None|"


def test_half_a_character_is_no_reason_to_show_nothing(app: web.Application) -> None:
    assert shown(app, "said.html", said="a\ud800b").startswith("a\ufffdb|")


def test_a_value_that_is_missing_is_an_error_and_no_gap(app: web.Application) -> None:
    with pytest.raises(jinja2.UndefinedError, match="said"):
        shown(app, "said.html")


def test_what_is_compiled_beforehand_is_not_compiled_when_it_is_asked_for(app: web.Application) -> None:
    compile_templates(app, lambda: False)
    _take_templates_away(app)

    assert shown(app, "said.html", said="x") == "x|None|"


def test_who_stops_the_console_does_not_wait_for_templates(app: web.Application) -> None:
    compile_templates(app, lambda: True)
    _take_templates_away(app)

    with pytest.raises(web.HTTPInternalServerError, match="said"):
        shown(app, "said.html", said="x")


def _take_templates_away(app: web.Application) -> None:
    loader = aiohttp_jinja2.get_env(app).loader
    assert isinstance(loader, jinja2.DictLoader)
    loader.mapping = {}


def test_every_page_has_the_values_that_features_add(app: web.Application) -> None:
    app[PAGE_VALUES]["principal"] = lambda request: f"who asks for {request.path}"

    assert shown(app, "said.html", said="x", section="live") == "x|who asks for /|live"


def test_every_page_knows_when_and_for_whom_it_is_made(app: web.Application) -> None:
    assert shown(app, "made.html", seen="") == "True UTC "
    assert shown(app, "made.html", "relayproxy_zone=Europe%2FBerlin", seen="") == "True Europe/Berlin "
    assert "Atlantis" not in shown(app, "made.html", "relayproxy_zone=Atlantis", seen="")


def test_times_are_those_of_the_readers_zone(app: web.Application) -> None:
    noon = 1_788_091_200_123_456_789
    assert shown(app, "timed.html", at=noon) == "12:00:00.123"
    assert shown(app, "timed.html", "relayproxy_zone=Asia%2FTokyo", at=noon) == "21:00:00.123"


def test_a_feature_makes_a_value_known_to_all_templates(app: web.Application) -> None:
    add_global(app, "seen", "by all")

    assert shown(app, "made.html").endswith(" by all")
