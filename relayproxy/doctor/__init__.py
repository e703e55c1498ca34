"""Doctor: checks of what surrounds relayproxy: its machine, its peers, and the Studio flows that lead to it."""
