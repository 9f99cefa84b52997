"""The list of packages, computed: the rest of the configuration is in pyproject.toml.

Setuptools finds packages by folder name, but `passes/` and `targets/` are `tinyiree.passes` and
`tinyiree.targets` (see `[tool.setuptools.package-dir]`), and `samples/` is shipped as data under
`tinyiree/_samples`.
"""

from setuptools import find_packages, setup

FOLDERS = {"tinyiree": "tinyiree", "tinyiree.passes": "passes", "tinyiree.targets": "targets"}

packages = ["tinyiree._samples"]
for name, folder in FOLDERS.items():
    packages += [name, *(f"{name}.{inner}" for inner in find_packages(folder))]

setup(packages=packages)
