"""Access control: sign-in, authentication, authorization, cookies, throttling, the audit log.

Knows: principals, credentials, audit entries.
Must not know: what is looked at, beyond its id.
"""
