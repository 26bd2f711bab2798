"""Rows for verl, loaded by its own RLHFDataset. Prints JSON. Asked: {"file": FILE, "prompts": FILE, "tokenizer": FOLDER}."""

import json
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from omegaconf import OmegaConf
from transformers import AutoTokenizer
from verl.utils.dataset.rl_dataset import RLHFDataset, collate_fn


def main():
    asked = json.loads(sys.stdin.read())
    tokenizer = AutoTokenizer.from_pretrained(asked["tokenizer"], local_files_only=True)
    written = [json.loads(line) for line in Path(asked["prompts"]).read_text("utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as cache:
        config = OmegaConf.create({"cache_dir": cache, "max_prompt_length": 1 << 20, "filter_overlong_prompts_workers": 1})
        data = RLHFDataset(asked["file"], tokenizer, config)
        rows = [data[index] for index in range(len(data))]
        batch = collate_fn(rows)
    plain = [[{key: value for key, value in message.items() if value is not None} for message in row["raw_prompt"]] for row in rows]
    same = 0
    for prompt, row, raw in zip(plain, rows, written, strict=True):
        same += prompt == raw["prompt"] and row["reward_model"] == raw["reward_model"] and row["extra_info"]["calls"] == raw["extra_info"]["calls"]
    print("\n" + json.dumps({"version": version("verl"), "rows": len(rows), "identical": same, "batch": len(batch["raw_prompt"])}))


main()
