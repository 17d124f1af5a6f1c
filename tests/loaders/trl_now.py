"""``dpo`` (both files) and ``kto`` in the current TRL."""

import sys
import tempfile

import trl
from tiny import TRAINING, config, finite, language_model, rows, tokenizer
from transformers import AutoModelForSequenceClassification
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, RewardConfig, RewardTrainer

tok = tokenizer()
for name in ("dpo.jsonl", "dpo.conversational.jsonl"):
    data = rows(f"{sys.argv[1]}/dpo/{name}")
    trainer = DPOTrainer(
        model=language_model(tok), args=DPOConfig(output_dir=tempfile.mkdtemp(), **TRAINING), train_dataset=data,
        processing_class=tok,
    )  # fmt: skip
    finite(f"DPO of {name}, trl {trl.__version__}", trainer.train())
    judge = AutoModelForSequenceClassification.from_config(config(tok, num_labels=1))
    trainer = RewardTrainer(
        model=judge, args=RewardConfig(output_dir=tempfile.mkdtemp(), **TRAINING), train_dataset=data,
        processing_class=tok,
    )  # fmt: skip
    finite(f"reward model of {name}", trainer.train())
trainer = KTOTrainer(
    model=language_model(tok), args=KTOConfig(output_dir=tempfile.mkdtemp(), **TRAINING),
    train_dataset=rows(f"{sys.argv[1]}/kto/kto_steps.jsonl"), processing_class=tok,
)  # fmt: skip
finite("KTO", trainer.train())
