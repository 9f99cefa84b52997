"""The compiled schedule as C, and what it says about memory."""
