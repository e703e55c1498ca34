"""What was said is found, and shown where it was said, as turns come, change and go."""

from sqlalchemy import Engine

from relayproxy.store.read.filters.criteria import Criteria
from relayproxy.store.read.filters.search import Hit, said
from relayproxy.store.read.queries import Queries
from relayproxy.store.schema.rows import Batch
from relayproxy.store.write.archive import Archive
from tests.store.build import session, turn


def ids(queries: Queries, word: str) -> list[str]:
    return sorted(row.id for row in queries.sessions(50, None, Criteria(words=(word,))).sessions)


def test_a_hit_shows_who_said_it_and_the_words_around_it(archive: Archive, queries: Queries) -> None:
    archive.commit(
        Batch(
            sessions=(session("a"), session("b")),
            turns=(
                turn("a", 0, caller_text="hello", agent_text="Hi"),
                turn("a", 1, caller_text="I want a refund now", agent_text="Sure"),
                turn("a", 2, caller_text="thanks", agent_text="Your refund, the whole refund"),
                turn("b", 0, caller_text="no", agent_text="yes"),
            ),
        )
    )

    found = queries.hits(Criteria(words=("refund",)), ["a", "b"])

    assert found == {
        "a": (
            Hit(1, "caller", (("I want a ", False), ("refund", True), (" now", False))),
            Hit(2, "agent", (("Your ", False), ("refund", True), (", the whole ", False), ("refund", True))),
        )
    }  # fmt: skip
    assert queries.hits(Criteria(), ["a"]) == {}
    assert queries.hits(Criteria(words=("refund",)), []) == {}


def test_no_more_than_three_hits_of_a_session_are_shown(archive: Archive, queries: Queries) -> None:
    archive.commit(Batch(sessions=(session("a"),), turns=tuple(turn("a", n, caller_text="refund") for n in range(9))))
    found = queries.hits(Criteria(words=("refund",)), ["a"])
    assert [hit.turn for hit in found["a"]] == [0, 1, 2]


def test_the_index_follows_every_change_of_a_turn(archive: Archive, queries: Queries) -> None:
    archive.commit(Batch(sessions=(session("a"),), turns=(turn("a", 0, caller_text="apples"),)))
    assert ids(queries, "apples") == ["a"]

    archive.commit(Batch(turns=(turn("a", 0, caller_text="apples and pears"),)))
    assert (ids(queries, "apples"), ids(queries, "pears")) == (["a"], ["a"])

    archive.commit(Batch(turns=(turn("a", 0, caller_text="plums"),)))
    assert (ids(queries, "apples"), ids(queries, "plums")) == ([], ["a"])

    archive.commit(Batch(turn_counts=(("a", 0),)))
    assert ids(queries, "plums") == []


def test_a_megabyte_of_speech_is_stored_and_its_beginning_found(archive: Archive, queries: Queries) -> None:
    words = " ".join(f"word{n}" for n in range(150_000))
    archive.commit(Batch(sessions=(session("a"),), turns=(turn("a", 0, caller_text=words, agent_text=words),)))
    assert ids(queries, "word17") == ["a"]
    ((hit,),) = queries.hits(Criteria(words=("word17",)), ["a"]).values()
    assert sum(len(text) for text, _ in hit.parts) < 1000


def test_accents_and_case_and_other_scripts(archive: Archive, queries: Queries) -> None:
    archive.commit(Batch(sessions=(session("a"),), turns=(turn("a", 0, caller_text="Über 東京 привет"),)))
    for word in ("über", "ПРИВЕТ", "東京"):
        assert ids(queries, word) == ["a"]


def test_words_of_scripts_without_spaces_are_found_wherever_they_stand(archive: Archive, queries: Queries) -> None:
    said = {
        "ja": "予約の変更をお願いします",
        "zh": "我想更改我的预订时间",
        "th": "ฉันต้องการเปลี่ยนการจอง",
        "mixed": "VIP会員の予約です。refund please",
    }
    archive.commit(
        Batch(
            sessions=tuple(session(id) for id in said),
            turns=tuple(turn(id, 0, caller_text=text, agent_text="ok") for id, text in said.items()),
        )
    )
    assert ids(queries, "変更") == ["ja"]
    assert ids(queries, "予約") == ["ja", "mixed"]
    assert ids(queries, "更改") == ["zh"]
    assert ids(queries, "เปลี่ยน") == ["th"]
    assert ids(queries, "vip会員") == ["mixed"]
    assert ids(queries, "変更*") == ["ja"]
    assert ids(queries, "更変") == []
    both = Criteria(words=("会員", "refund"))
    assert [row.id for row in queries.sessions(50, None, both).sessions] == ["mixed"]
    assert queries.hits(Criteria(words=("変更",)), list(said)) == {
        "ja": (Hit(0, "caller", (("予約の", False), ("変更", True), ("をお願いします", False))),)
    }
    assert [hit.who for hit in queries.hits(both, list(said))["mixed"]] == ["caller"]


def test_scripts_without_spaces_are_found_by_one_character_and_in_half_or_full_width(
    archive: Archive, queries: Queries
) -> None:
    texts = {
        "one": ("お茶", "待って"),
        "two": ("新しいカードでお茶を買います", ""),
        "half": ("ｶｰﾄﾞをなくした", ""),
        "full": ("", "３名様のＶＩＰ会員 for tonight"),
        "marks": ("予約、変更、以上", ""),
        "apart": ("待って", "お茶"),
        "thai": ("ขอน้ำ\u200bเปล่า ๕ ที่", ""),
        "lao": ("ສະບາຍດີ", ""),
        "burmese": ("ကျေးဇူးတင်ပါတယ်", ""),
        "khmer": ("សួស្តីបង", ""),
        "rare": ("𠮷野家だ", ""),
        "none": ("a table for two, the VIP card, 3 people", "ok"),
    }
    archive.commit(
        Batch(
            sessions=tuple(session(id) for id in texts),
            turns=tuple(turn(id, 0, caller_text=said, agent_text=told) for id, (said, told) in texts.items()),
        )
    )
    for word, expected in {
        "茶": ["apart", "one", "two"],
        "茶*": ["apart", "one", "two"],
        "す": ["two"],
        "カード": ["half", "two"],
        "ｶｰﾄﾞ": ["half", "two"],
        "ガード": [],
        "3名": ["full"],
        "３名様": ["full"],
        "ｖｉｐ会員": ["full"],
        "予約 変更": ["marks"],
        "予約、変": ["marks"],
        "約変": [],
        "茶待": [],
        "てお茶": [],
        "น้ำ": ["thai"],
        "น้ำเปล่า": ["thai"],
        "๕ ที่": ["thai"],
        "ສະບາຍ": ["lao"],
        "ကျေးဇူး": ["burmese"],
        "សួស្តី": ["khmer"],
        "𠮷野": ["rare"],
        "会%": ["full"],
        "会'\"\\": ["full"],
    }.items():
        assert ids(queries, word) == expected, word
        shown = queries.hits(Criteria(words=(word,)), list(texts))
        assert sorted(shown) == expected, word
        assert all(any(hit for _, hit in found.parts) for (found,) in shown.values()), word


def test_bigrams_follow_every_change_of_a_turn(archive: Archive, queries: Queries) -> None:
    for text, found in (("予約", []), ("予約の変更", ["a"]), ("a change", []), ("変更", ["a"]), ("変更", ["a"])):
        archive.commit(Batch(sessions=(session("a"),), turns=(turn("a", 0, caller_text=text, agent_text="ok"),)))
        assert ids(queries, "変更") == found
        assert ids(queries, "予") == (["a"] if "予" in text else [])
    archive.commit(Batch(turn_counts=(("a", 0),)))
    assert ids(queries, "変更") == []


def test_words_without_spaces_are_looked_up_in_an_index(engine: Engine, archive: Archive) -> None:
    archive.commit(Batch(sessions=(session("a"),), turns=(turn("a", 0, caller_text="予約の変更"),)))
    dialect = engine.dialect.name
    explain = "EXPLAIN QUERY PLAN " if dialect == "sqlite" else "EXPLAIN "
    query = said(("変更",), dialect).compile(engine)
    with engine.begin() as db:
        if dialect == "postgresql":
            db.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plan = " ".join(
            str(row)
            for row in db.exec_driver_sql(
                explain + str(query), query.params if dialect == "postgresql" else tuple(query.params.values())
            )
        )
    assert ("VIRTUAL TABLE INDEX" if dialect == "sqlite" else "ix_turns_bigrams") in plan, plan
    assert "SCAN turns'" not in plan


def test_sharp_s_and_double_s_are_the_same(archive: Archive, queries: Queries) -> None:
    texts = {"sharp": "Die Straße ist groß", "double": "die Strasse ist gross"}
    archive.commit(
        Batch(
            sessions=tuple(session(id) for id in texts),
            turns=tuple(turn(id, 0, caller_text=text, agent_text="") for id, text in texts.items()),
        )
    )
    for word in ("Straße", "strasse", "STRASSE", "stras*", "ist groß", "ist gross"):
        assert ids(queries, word) == ["double", "sharp"], word
    marked = queries.hits(Criteria(words=("strasse",)), list(texts))
    assert [part for part in marked["sharp"][0].parts if part[1]] == [("Straße", True)]
