"""``openrlhf_prm`` in the data set class of OpenRLHF 0.9.5, the last release with a process reward trainer.

The package's ``__init__`` pulls in its trainers and their servers; only the class is tried, so they are left out.
"""

import importlib.metadata
import sys
import types
from pathlib import Path

from tiny import rows, tokenizer

ROOT = Path(str(importlib.metadata.distribution("openrlhf").locate_file("openrlhf")))
PACKAGES = {"openrlhf": ROOT, "openrlhf.datasets": ROOT / "datasets", "openrlhf.utils": ROOT / "utils"}
for name, folder in PACKAGES.items():
    module = types.ModuleType(name)
    module.__path__ = [str(folder)]
    sys.modules[name] = module

from openrlhf.datasets.process_reward_dataset import ProcessRewardDataset  # noqa: E402

tok = tokenizer()
asked = types.SimpleNamespace(
    input_key="input", label_key="value", placeholder_token="<|step|>", reward_tokens=["+", "-"]
)
data = rows(f"{sys.argv[1]}/openrlhf_prm/openrlhf_prm.jsonl")
found = ProcessRewardDataset(data, tok, 4096, types.SimpleNamespace(args=asked, print=print))
ids = {sign: tok.convert_tokens_to_ids(sign) for sign in "+-"}
for place, given in enumerate(data):
    labels = [int(label) for label in found[place][2].view(-1) if label != -100]
    assert labels == [ids[sign] for sign in given["value"]], "a label for each placeholder, in order"
print(f"process rewards, openrlhf {importlib.metadata.version('openrlhf')}: {len(found)} rows")
