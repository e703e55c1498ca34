"""Scenarios: what simulated callers do, and what is expected of the agent."""
