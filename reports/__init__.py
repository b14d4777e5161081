"""The presentation of Touchstone: reads records, never torch, never pytest."""
