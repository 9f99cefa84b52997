"""IREE's compiler driven phase by phase in one process, and its runtime on the host."""
