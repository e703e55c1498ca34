"""The backend's own spans within the turns of a session: kinds of work, clocks, places in turns, and time by kind.

Everything is pure: stored spans and a session's times in, values out.
"""
