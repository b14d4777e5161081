"""Devices that exercise the device axis without hardware; loaded by far-side processes."""
