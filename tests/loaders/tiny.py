"""A random model of a few thousand weights and a tokenizer of bytes, made on the spot. Stands alone: no Django here."""

import importlib.metadata
import platform
import tempfile

from datasets import Dataset, load_dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

PACKAGES = ("torch", "transformers", "datasets", "trl", "openrlhf")
TEMPLATE = (
    "{% for m in messages %}[{{ m.role }}]{{ m.content }}"
    "{% if m.tool_calls %}{{ m.tool_calls | tojson }}{% endif %}\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant]{% endif %}"
)
TRAINING = {
    "max_steps": 2,
    "per_device_train_batch_size": 2,
    "report_to": "none",
    "use_cpu": True,
    "max_length": 4096,
}


def tokenizer() -> PreTrainedTokenizerFast:
    marks = ["<|end|>", "<|pad|>", "<|step|>"]
    words = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *marks]
    made = Tokenizer(models.BPE({word: place for place, word in enumerate(words)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token=marks[0], pad_token=marks[1], additional_special_tokens=marks[2:]
    )
    fast.chat_template = TEMPLATE
    return fast


def config(tok: PreTrainedTokenizerFast, **more: int) -> Qwen2Config:
    return Qwen2Config(
        vocab_size=len(tok), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=4096, pad_token_id=tok.pad_token_id,
        eos_token_id=tok.eos_token_id, **more,
    )  # fmt: skip


def language_model(tok: PreTrainedTokenizerFast) -> Qwen2ForCausalLM:
    """Read from a folder: trainers read it again as the reference model."""
    folder = tempfile.mkdtemp()
    Qwen2ForCausalLM(config(tok)).save_pretrained(folder)
    return Qwen2ForCausalLM.from_pretrained(folder)


def rows(path: str) -> Dataset:
    return load_dataset("json", data_files=path)["train"]


def finite(what: str, result: object) -> None:
    loss = result.training_loss  # type: ignore[attr-defined]
    assert loss == loss, f"{what}: the loss is no number"
    print(f"{what}: loss {loss:.4f}")


def versions() -> None:
    """Say what it was tried with."""
    installed = {one.metadata["Name"]: one.version for one in importlib.metadata.distributions()}
    named = [f"{name} {installed[name]}" for name in PACKAGES if name in installed]
    print(f"with Python {platform.python_version()}, {', '.join(named)}")


versions()
