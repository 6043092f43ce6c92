"""What the commands `extract`, `fit`, `finetune` and `predict` do, as functions: data in, a file or a result out.

In: an `ImageDataset` and an estimator. Out: a file of embeddings, a judged and saved model, or predictions.
Each module is named after its command.
"""
