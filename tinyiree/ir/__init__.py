"""The normal form (see README.md): its operators, reading, writing and checking them."""
