"""Turn a network's name and weights, or a module of your own, into the frozen network that computes embeddings.

In: the parameters `backbone`, `weights`, `layer`, `pooling`, `precision` and `device`. Out: a `BackboneSource`, which
identifies the network, and the `Backbone` that it builds.
Start with `resolve` and `backbone`; `architectures` is the table of known networks, `weights` finds their files,
`state_matching` loads them, and `custom_modules` registers a module of your own.
"""
