"""``make loaders``: what was exported, loaded by the trainers themselves, on tiny random models, in environments apart.

Nothing is fetched but packages: models and tokenizer are made here. The samples are those of the golden files.
"""
