"""Adapters to front ends that are not torch.compile; docs/adapters.md. Far side."""
