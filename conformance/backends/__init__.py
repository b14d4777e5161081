"""Small backends of torch.compile over compilers that bring none that works; loaded by far-side processes."""
