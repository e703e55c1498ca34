"""Journal → frames → messages → fold → one transaction → spans. A plain synchronous loop."""
