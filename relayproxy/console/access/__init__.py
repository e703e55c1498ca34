"""Who asks and what they may: sign-in, authentication, authorization, cookies, throttling, the audit log.

Knows: principals, proofs, entries of the audit.
Must not know: what is looked at, beyond its id.
"""
