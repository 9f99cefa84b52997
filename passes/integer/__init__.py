"""How ``integerize`` makes integer operators, by family."""
