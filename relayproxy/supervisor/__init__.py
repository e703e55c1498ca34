"""Relay, recorder and console as child processes of one command.

Knows: starting, restarting and stopping processes; the embedded database's migration.
Must not know: how any of them does its work.
"""
