"""The rules of ``fuse``, by family."""
