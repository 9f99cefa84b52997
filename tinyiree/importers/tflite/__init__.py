"""TensorFlow Lite models, byte for byte what LiteRT's reference kernels compute."""

from tinyiree.importers.tflite.convert import import_tflite

__all__ = ["import_tflite"]
