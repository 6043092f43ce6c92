"""A saved model in; one ONNX file out, which resizes, embeds and classifies images without featx.

`export.py` is where to start reading: it builds the parts, joins them in one graph, and compares what onnxruntime
answers with what featx predicts before the file is kept.
"""
