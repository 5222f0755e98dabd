"""Many boards: inventory, selectors, contact, and sessions with the agent."""
