"""Judgements of one thing each: findings, handoff payloads, endings, texts that a voice cannot speak well.

Knows: the model.
Must not know: the fold's state.
"""
