"""The passes, one file each, and the folders of what they are made of; see ``pipeline``."""
