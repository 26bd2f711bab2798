"""Rows for TRL, loaded by `datasets` and trained on for a step by TRL's own trainers, on a model of a few thousand weights. Prints JSON.

Asked: {"sft": FILE, "dpo": FILE, "grpo": FILE, "tokenizer": FOLDER, "template": NAME}; what is asked for decides what is run.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_DISABLE_PROGRESS_BARS="1", WANDB_DISABLED="true", TOKENIZERS_PARALLELISM="false")

import datasets
import torch
import trl
from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM

COMMON = {"max_steps": 1, "report_to": [], "use_cpu": True, "save_strategy": "no", "logging_strategy": "no", "disable_tqdm": True, "bf16": False}


def tiny(tokenizer):
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2}
    return Qwen2ForCausalLM(Qwen2Config(vocab_size=len(tokenizer), max_position_embeddings=16384, **sizes))


def loaded(path, cache):
    rows = datasets.load_dataset("json", data_files=path, cache_dir=cache)["train"]
    written = [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]
    same = [{name: value for name, value in row.items() if value is not None} == raw for row, raw in zip(rows, written, strict=True)]
    return rows, {"rows": len(written), "identical": sum(same)}


def sft(path, tokenizer, cache):
    """Every call must stand in the trained tokens as its arguments are, encoded once."""
    rows, found = loaded(path, cache)
    trainer = trl.SFTTrainer(
        tiny(tokenizer),
        trl.SFTConfig(cache, assistant_only_loss=True, max_length=None, per_device_train_batch_size=2, dataset_num_proc=None, **COMMON),
        train_dataset=rows,
        processing_class=tokenizer,
    )
    calls = right = 0
    for row, made in zip(rows, trainer.train_dataset, strict=True):
        text = tokenizer.decode([label for label in made["labels"] if label != -100])
        for message in row["messages"]:
            for call in message.get("tool_calls") or ():
                calls += 1
                right += json.dumps(call["function"]["arguments"], ensure_ascii=False) in text
    loss = trainer.train().training_loss
    return found | {"calls": calls, "calls_in_trained_tokens": right, "loss_is_finite": bool(loss == loss)}


def dpo(path, tokenizer, cache):
    rows, found = loaded(path, cache)
    trainer = trl.DPOTrainer(
        tiny(tokenizer),
        tiny(tokenizer),
        args=trl.DPOConfig(cache, max_length=None, per_device_train_batch_size=2, **COMMON),
        train_dataset=rows,
        processing_class=tokenizer,
    )
    loss = trainer.train().training_loss
    return found | {"loss_is_finite": bool(loss == loss)}


def grpo(path, tokenizer, cache):
    """A reward sees what stands beside the prompt."""
    rows, found = loaded(path, cache)
    seen = []

    def reward(completions, calls, answer, task_id, **others):
        seen.extend(zip(calls, answer, task_id, strict=True))
        return [float(len(one) % 3) for one in calls]

    trainer = trl.GRPOTrainer(
        tiny(tokenizer),
        reward_funcs=reward,
        args=trl.GRPOConfig(cache, per_device_train_batch_size=4, num_generations=2, max_completion_length=4, **COMMON),
        train_dataset=rows,
        processing_class=tokenizer,
    )
    loss = trainer.train().training_loss
    return found | {"rewarded": len(seen), "loss_is_finite": bool(loss == loss)}


def main():
    asked = json.loads(sys.stdin.read())
    tokenizer = AutoTokenizer.from_pretrained(asked["tokenizer"], local_files_only=True)
    tokenizer.chat_template = (Path(trl.__file__).parent / "chat_templates" / f"{asked['template']}.jinja").read_text("utf-8")
    told = {"version": trl.__version__}
    with tempfile.TemporaryDirectory() as cache:
        for name, run in (("sft", sft), ("dpo", dpo), ("grpo", grpo)):
            if name in asked:
                told[name] = run(asked[name], tokenizer, cache)
    print("\n" + json.dumps(told))


main()
