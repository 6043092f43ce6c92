"""From a network's name, or a module of one's own, and weights to the frozen network that computes embeddings.

In: the parameters `backbone`, `weights`, `layer`, `pooling`, `precision` and `device`. Out: a `BackboneSource`, which
says what identifies the network, and the `Backbone` that it builds.
Start with `resolve` and `backbone`; `architectures` is the table of known networks, `weights` finds their tensors.
"""
