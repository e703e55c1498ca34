"""What the caller hears and when, and when the caller speaks.

Knows: stretches of speech, playback reports, the speaking rate.
Must not know: turns as they are being written.
"""
