"""Connect: the URLs to give to Twilio, and the checks that they can be reached.

Knows: public URLs, routes, what a check finds.
Must not know: calls.
"""
