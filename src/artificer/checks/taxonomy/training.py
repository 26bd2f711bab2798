"""The error classes that training systems reward, repair or filter by, each with its places in the tree."""

from __future__ import annotations

from artificer.checks.taxonomy.base import FINE, G, K, Source

_ARGUMENTS = (K.missing_argument, K.extra_argument, K.mistyped_argument)

TL_TRAINING = Source(
    "tl-training",
    "TL-Training: classes of its reward",
    "arXiv 2412.15495; github.com/Junjie-Ye/TL-Training, code/irm",
    "code",
    {
        "unparsable": (K.unparsable_call,),
        "tool_hallucination": (K.unknown_tool,),
        "wrong_tool": (K.wrong_tool,),
        "hal": (K.extra_argument,),  # a name that is not in the tool's schema
        "red": (K.extra_argument,),  # a schema argument that gold does not use
        "mis": (K.missing_argument,),
        "hal & red": (K.extra_argument,),
        "hal & mis": (K.extra_argument, K.missing_argument),
        "red & mis": (K.extra_argument, K.missing_argument),
        "hal & red & mis": (K.extra_argument, K.missing_argument),
        "wrong_value": (K.wrong_value,),
        "ok": FINE,
    },
)

FISSION = Source(
    "fission-grpo",
    "Fission-GRPO: why a rollout is intercepted",
    "arXiv 2601.15625 (code not released)",
    "paper",
    {
        "format error": (K.unparsable_call,),
        "selection": (K.wrong_tool, K.unknown_tool, K.missing_call, K.extra_call),
        "argument": (*_ARGUMENTS, K.wrong_value),
        "execution error": (*_ARGUMENTS, K.invalid_argument, K.unknown_tool, K.not_found, K.constraint, K.forbidden),
        "semantic error": (K.wrong_value, K.wrong_tool, K.missing_call, K.extra_call),
    },
)

LOOPTOOL = Source(
    "looptool",
    "LoopTool: status of a mismatch, and its rules for new samples",
    "arXiv 2511.09148; github.com/Rednote-ExperienceAI-Lab/LoopTool",
    "code",
    {
        "original_incorrect": FINE,  # the label is wrong, not the model
        "both_correct": FINE,
        "model_incorrect": (G.agent,),
        "both_incorrect": (G.agent,),
        "not_function_call": FINE,
        "failed": FINE,  # no judge answered
        "unknown tool": (K.unknown_tool,),
        "missing required": (K.missing_argument,),
        "unknown argument": (K.extra_argument,),
        "type": (K.mistyped_argument,),
        "no call": (K.no_call,),
        "unparsable": (K.unparsable_call,),
    },
)

USER_ORIENTED = Source(
    "user-oriented",
    "User-oriented multi-turn dialogue generation: classes of a failed rubric item",
    "arXiv 2601.08225",
    "paper",
    {
        "Critical": (G.agent,),  # one makes a dialogue invalid
        "Structural": FINE,  # another order of tools that does as well
        "NonCritical": FINE,
        "InvalidRubric": FINE,
    },
)

NOISY = Source(
    "noisybench",
    "NoisyBench and RARE: what a rationale's reward withholds",
    "arXiv 2601.07226 (worded after a description)",
    "inferred",
    {
        "no reference": (K.ignored_result,),
        "distractor": (K.ignored_result,),
        "whole context": (K.ignored_result,),
        "made up": (K.unsupported_claim,),
    },
)

ALL = (TL_TRAINING, FISSION, LOOPTOOL, USER_ORIENTED, NOISY)
