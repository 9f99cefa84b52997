"""ONNX models, through IREE's ONNX importer, to the normal form."""
