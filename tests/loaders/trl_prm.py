"""``prm`` in TRL 1.13, the last release with a process reward trainer."""

import sys
import tempfile

import trl
from tiny import TRAINING, config, finite, rows, tokenizer
from transformers import AutoModelForTokenClassification
from trl.experimental.prm import PRMConfig, PRMTrainer

tok = tokenizer()
data = rows(f"{sys.argv[1]}/prm/prm_labels.jsonl")
model = AutoModelForTokenClassification.from_config(config(tok, num_labels=2))
args = PRMConfig(output_dir=tempfile.mkdtemp(), **TRAINING)
trainer = PRMTrainer(model=model, args=args, train_dataset=data, processing_class=tok)
for given, tokenized in zip(data, trainer.train_dataset, strict=True):
    marked = [label for label in tokenized["labels"] if label != -100]
    assert marked == [int(label) for label in given["labels"]], "every step's label is in the loss"
finite(f"PRM, trl {trl.__version__}", trainer.train())
