"""Indexes of what was said, by words and by bigrams: the statements that make them.

Knows: how each database indexes words; that triggers and generated columns keep them, so that nothing that writes turns
has to think of it.
Must not know: how words are looked for; what else is in the tables.
"""

_FTS = (
    "CREATE VIRTUAL TABLE turns_fts USING fts5(caller_text, agent_text, content='turns', content_rowid='id', "
    "prefix='2 3', "
    "tokenize='unicode61 remove_diacritics 2')",
    "CREATE TRIGGER turns_fts_insert AFTER INSERT ON turns BEGIN "
    "INSERT INTO turns_fts(rowid, caller_text, agent_text) VALUES (new.id, new.caller_text, new.agent_text); END",
    "CREATE TRIGGER turns_fts_delete AFTER DELETE ON turns BEGIN "
    "INSERT INTO turns_fts(turns_fts, rowid, caller_text, agent_text) "
    "VALUES ('delete', old.id, old.caller_text, old.agent_text); END",
    "CREATE TRIGGER turns_fts_update AFTER UPDATE OF caller_text, agent_text ON turns "
    "WHEN old.caller_text IS NOT new.caller_text OR old.agent_text IS NOT new.agent_text BEGIN "
    "INSERT INTO turns_fts(turns_fts, rowid, caller_text, agent_text) "
    "VALUES ('delete', old.id, old.caller_text, old.agent_text); "
    "INSERT INTO turns_fts(rowid, caller_text, agent_text) VALUES (new.id, new.caller_text, new.agent_text); END",
)
# A tsvector holds 1 MB at most; of a text that long the beginning is searched. Punctuation goes: PostgreSQL would look
# for URLs, addresses and tags, which takes minutes in a text that is made for it.
_SAID = (
    "ALTER TABLE turns ADD COLUMN said tsvector GENERATED ALWAYS AS (to_tsvector('simple', "
    "translate(left(caller_text, 50000) || ' ' || left(agent_text, 50000), "
    "'!\"#$&''()*+,-./:;<=>?@[\\]^_`{|}~', repeat(' ', 32)))) STORED",
    "CREATE INDEX ix_turns_said ON turns USING gin (said)",
)
_BIGRAMS = "ALTER TABLE turns ADD COLUMN bigrams TEXT DEFAULT '' NOT NULL"
# To this tokenizer all characters beyond ASCII are parts of words, also the marks of Thai.
_BIGRAMS_FTS = (
    "CREATE VIRTUAL TABLE turns_bigrams USING fts5(bigrams, content='turns', content_rowid='id', tokenize='ascii')",
    "CREATE TRIGGER turns_bigrams_insert AFTER INSERT ON turns WHEN new.bigrams != '' BEGIN "
    "INSERT INTO turns_bigrams(rowid, bigrams) VALUES (new.id, new.bigrams); END",
    "CREATE TRIGGER turns_bigrams_delete AFTER DELETE ON turns WHEN old.bigrams != '' BEGIN "
    "INSERT INTO turns_bigrams(turns_bigrams, rowid, bigrams) VALUES ('delete', old.id, old.bigrams); END",
    "CREATE TRIGGER turns_bigrams_update AFTER UPDATE OF bigrams ON turns WHEN old.bigrams != new.bigrams BEGIN "
    "INSERT INTO turns_bigrams(turns_bigrams, rowid, bigrams) "
    "SELECT 'delete', old.id, old.bigrams WHERE old.bigrams != ''; "
    "INSERT INTO turns_bigrams(rowid, bigrams) SELECT new.id, new.bigrams WHERE new.bigrams != ''; END",
)
_BIGRAMS_GIN = (
    "CREATE INDEX ix_turns_bigrams ON turns USING gin (array_to_tsvector(string_to_array(bigrams, ' '))) "
    "WHERE bigrams != ''"
)
WORDS = {
    "sqlite": (*_FTS, _BIGRAMS, *_BIGRAMS_FTS),
    "postgresql": (*_SAID, _BIGRAMS, _BIGRAMS_GIN),
}
"""For each database, in the order in which they are carried out."""
