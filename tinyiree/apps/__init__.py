"""Sample apps: a main.c around one or several networks, built and run on a simulated core."""

from tinyiree.apps.image import AppImage, build_app
from tinyiree.apps.manifest import MANIFEST, App, AppModel, find, load, names
from tinyiree.apps.place import Place, place_of, places
from tinyiree.apps.run import AppRun, run_app

__all__ = [
    "MANIFEST",
    "App",
    "AppImage",
    "AppModel",
    "AppRun",
    "Place",
    "build_app",
    "find",
    "load",
    "names",
    "place_of",
    "places",
    "run_app",
]
