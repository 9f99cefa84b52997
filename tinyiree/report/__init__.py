"""What a build costs: collected, stored, printed."""
