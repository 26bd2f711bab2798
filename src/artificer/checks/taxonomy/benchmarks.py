"""The error classes of benchmarks, each with its places in the tree.

Words of code are the names of facts: those of bfcl, acebench, tau2 and cctu were read in the code, those of mcptoolbench and
mmau in part, the others in what describes it. Where a paper only describes a class the word is ours and the source says
`inferred`.
"""

from __future__ import annotations

from artificer.checks.taxonomy.base import FINE, G, K, Source

_VALUES = (K.missing_effect, K.extra_effect, K.wrong_value)
_COUNT = (K.no_call, K.missing_call, K.extra_call)
_ARGUMENTS = (K.missing_argument, K.extra_argument, K.mistyped_argument, K.invalid_argument)

BFCL = Source(
    "bfcl",
    "Berkeley Function Calling Leaderboard v3/v4",
    "github.com/ShishirPatil/gorilla, berkeley-function-call-leaderboard/bfcl_eval/eval_checker",
    "code",
    {
        "ast_decoder:decoder_failed": (K.unparsable_call,),
        "ast_decoder:decoder_wrong_output_format": (K.unparsable_call,),
        "simple_function_checker:wrong_count": _COUNT,
        "multiple_function_checker:wrong_count": _COUNT,
        "parallel_function_checker_no_order:wrong_count": _COUNT,
        "parallel_function_checker_enforce_order:wrong_count": _COUNT,
        "parallel_function_checker_no_order:cannot_find_match": (K.missing_call, K.wrong_tool, *_ARGUMENTS, K.wrong_value),
        "simple_function_checker:wrong_func_name": (K.wrong_tool, K.unknown_tool),
        "simple_function_checker:missing_required": (K.missing_argument,),
        "simple_function_checker:missing_optional": (K.missing_argument,),
        "simple_function_checker:unexpected_param": (K.extra_argument,),
        "simple_function_checker:unclear": (G.agent,),
        "dict_checker:unclear": (G.argument,),
        "list_dict_checker:unclear": (G.argument,),
        "type_error:simple": (K.mistyped_argument,),
        "type_error:nested": (K.mistyped_argument,),
        "type_error:java": (K.mistyped_argument,),
        "type_error:js": (K.mistyped_argument,),
        "value_error:string": (K.wrong_value,),
        "value_error:list/tuple": (K.wrong_value,),
        "value_error:dict_key": (K.missing_argument, K.extra_argument, K.wrong_value),
        "value_error:dict_value": (K.wrong_value,),
        "value_error:list_dict_count": (K.wrong_value,),
        "value_error:others": (K.wrong_value,),
        "irrelevance_error:decoder_success": (K.needless_call,),
        "relevance_error:decoder_failed": (K.no_call,),
        "multi_turn:empty_turn_model_response": (K.no_call,),
        "multi_turn:irrelevance_error:decoder_success": (K.needless_call,),
        "multi_turn:instance_state_mismatch": _VALUES,
        "multi_turn:execution_response_mismatch": (K.missing_call, K.wrong_value),
        "multi_turn:method_invoke_order_mismatch": (K.wrong_order,),
        "multi_turn:force_terminated": (G.sequence,),
        "multi_turn:inference_error": (G.world,),
        "agentic:answer_not_found": (K.not_told, K.wrong_value),
        "agentic:no_last_message": (K.not_told,),
        "agentic:inference_error": (G.world,),
    },
)

ACEBENCH = Source(
    "acebench",
    "ACEBench",
    "github.com/ACEBench/ACEBench, model_eval/checker.py",
    "code",
    {
        "wrong_output_format": (K.unparsable_call,),
        "wrong functions number": _COUNT,
        "function_mismatch": (K.missing_call, K.extra_call, K.wrong_tool),
        "wrong_function_name": (K.wrong_tool, K.unknown_tool),
        "simple_function_checker:unclear": (G.agent,),
        "dict_checker:unclear": (G.argument,),
        "list_dict_checker:unclear": (G.argument,),
        "lack_args": (K.missing_argument,),
        "addition_args": (K.extra_argument,),
        "wrong_param": (K.missing_argument, K.extra_argument),
        "type_error": (K.mistyped_argument,),
        "value_error": (K.wrong_value,),
        "value_error:string": (K.wrong_value,),
        "value_error:list/tuple": (K.wrong_value,),
        "value_error:dict_items": (K.wrong_value,),
        "value_error:list_dict_count": (K.wrong_value,),
        "error_detection": (K.missed_refusal,),
        "error_correction": (K.not_told,),
        "class attributes wrong": _VALUES,
        "wrong number of class": (G.state,),
    },
)

TOOLSANDBOX = Source(
    "toolsandbox",
    "ToolSandbox",
    "arXiv 2408.04682",
    "inferred",
    {
        "milestone_missed": (K.missing_call, K.missing_effect, K.not_told),
        "minefield_hit": (K.ungrounded_argument, K.needless_call, K.unsafe_action),
        "guardrail": (K.extra_effect,),
        "PermissionError": (K.forbidden,),
        "ConnectionError": (K.constraint,),
        "ValueError": (K.invalid_argument, K.constraint),
        "max_messages": (G.sequence,),
    },
)

TAU2 = Source(
    "tau2",
    "tau2-bench: tags of reviews",
    "github.com/sierra-research/tau2-bench, src/tau2/evaluator/review_llm_judge.py",
    "code",
    {
        "hallucination": (K.unsupported_claim, K.ungrounded_argument, K.leaked_id),
        "incorrect_interpretation": (K.ignored_result,),
        "guideline_violation": (K.policy_breach,),
        "revealed_info_early": (K.policy_breach, K.leaked_id),
        "inconsistent_behavior": (G.dialogue,),
        "tool_call_schema_error": (K.unknown_tool, *_ARGUMENTS),
        "tool_call_argument_error": (K.wrong_value,),
        "irrelevant_tool_call": (K.needless_call,),
        "premature_termination": (K.premature_end,),
        "missed_required_action": (K.missing_call,),
        "wrong_sequence": (K.wrong_order,),
        "interruption_error": (G.dialogue,),
        "other": (G.error,),
    },
)

TOOLBENCH = Source(
    "toolbench",
    "ToolBench: status codes of a call",
    "github.com/OpenBMB/ToolBench, toolbench/inference (comments and code swap 7 and 8)",
    "code",
    {
        "0": FINE,
        "1": (K.unknown_tool,),
        "2": (K.missing_argument, K.extra_argument, K.mistyped_argument, K.invalid_argument, K.unparsable_call),
        "3": FINE,  # the answer was given
        "4": (K.premature_end,),  # gave up
        "5": (K.timeout,),
        "6": (K.not_found, K.transport),  # HTTP 404: of the item or of the service
        "7": (K.transport,),  # not authorised, or not subscribed
        "8": (K.transport,),
        "9": (K.transport,),  # too many requests
        "10": (K.transport,),  # rate limit
        "11": (K.bad_output,),  # message error
        "12": (K.transport,),  # the request failed
    },
)

TOOLEVAL = Source(
    "tooleval",
    "ToolEval: status of an answer",
    "arXiv 2307.16789; github.com/OpenBMB/ToolBench, toolbench/tooleval",
    "code",
    {
        "Solved": FINE,
        "Unsure": FINE,  # says that the judge does not know
        "Unsolved": (K.false_refusal, K.not_told, K.unsupported_claim),
        "no_finish": (K.premature_end,),
        "hallucination": (K.unknown_tool,),
    },
)

MMAU = Source(
    "mmau",
    "MMAU",
    "arXiv 2407.18961; github.com/apple/axlearn, axlearn/open_api/metrics",
    "code",
    {
        "number_of_parsing_errors": (K.unparsable_call,),
        "number_of_generation_errors": (G.world,),
        "intent_missing": (K.no_call,),
        "intent_needless": (K.needless_call,),
        "call_count": (K.missing_call, K.extra_call),
        "func_name": (K.wrong_tool, K.unknown_tool),
        "arguments": (*_ARGUMENTS, K.wrong_value),
        "plan_number": (K.wrong_order,),
        "instruction_following_error": (K.unparsable_call,),
    },
)

MCPTOOLBENCH = Source(
    "mcptoolbench",
    "MCPToolBench++",
    "arXiv 2508.07575; github.com/mcp-tool-bench/MCPToolBenchPP, src/mcp_tool_bench/evaluation",
    "code",
    {
        "tool": (K.wrong_tool, K.unknown_tool, K.no_call),
        "parameter": (*_ARGUMENTS, K.wrong_value),
        "status": (K.transport, K.timeout, K.internal),  # not HTTP 200
        "EMPTY RESULT": (K.not_found, K.bad_output),
        "Empty Error Message": (K.bad_output,),
        "error": (*_ARGUMENTS, K.not_found, K.constraint, K.forbidden),  # success = false, with a reason
    },
)

MCPRADAR = Source(
    "mcp-radar",
    "MCP-RADAR",
    "arXiv 2505.16700",
    "paper",
    {
        "tool omission": (K.no_call, K.missing_call),
        "wrong tool": (K.wrong_tool, K.unknown_tool),
        "inaccurate invocation": (*_ARGUMENTS, K.wrong_value, K.unparsable_call),
        "redundant invocation": (K.repetition, K.needless_call, K.extra_call, K.redundant_write),
        "reasoning error": (K.wrong_order, K.ungrounded_argument, K.unsupported_claim),
        "information synthesis error": (K.ignored_result,),
        "other": (G.error,),
    },
)

CCTU = Source(
    "cctu",
    "CCTU",
    "arXiv 2603.15309; github.com/Junjie-Ye/CCTU (INSTRUCTION FOLLOWING ERROR: <NAME> NOT FOLLOWED!)",
    "code",
    {
        "MIN ROUND": (K.premature_end,),
        "MIN CALL TIMES": (K.missing_call, K.policy_breach),
        "MAX CALL TIMES": (K.extra_call, K.policy_breach),
        "MAX CALLS PER TOOL": (K.extra_call, K.policy_breach),
        "MIN PARALLEL CALLS": (K.missing_call, K.policy_breach),
        "MAX PARALLEL CALLS": (K.extra_call, K.policy_breach),
        "TOOL ORDER": (K.wrong_order,),
        "TOOL PARALLEL": (K.missing_call, K.wrong_order),
        "TOOL ARGUMENTS": (K.unknown_tool, K.unparsable_call, *_ARGUMENTS),
        "MIN LENGTH": (K.policy_breach,),
        "MAX LENGTH": (K.policy_breach,),
        "FORMAT": (K.policy_breach,),
        "PUNCTUATION": (K.policy_breach,),
        "IDENTIFIERS": (K.policy_breach,),
    },
)

TOOLCOMP = Source(
    "toolcomp",
    "ToolComp",
    "arXiv 2501.01290; github.com/vaskar-open-source-research/toolcomp",
    "code",
    {
        "CORRECT": FINE,
        "CORRECT BUT BAD FORMATTING": FINE,  # counts as right in the accuracy
        "INCORRECT": (K.wrong_value, K.not_told),
        "action plan": (K.wrong_order, K.missing_call, K.extra_call, K.wrong_tool),
        "thought": (K.ignored_result, K.unsupported_claim),
        "action": (K.wrong_tool, K.unknown_tool),
        "action input": (*_ARGUMENTS, K.wrong_value),
        "malformed": (K.unparsable_call,),
        "tool error": (*_ARGUMENTS, K.not_found, K.timeout, K.transport),
        "max_depth": (K.premature_end, K.repetition),
    },
)

TOOLEMU = Source(
    "toolemu",
    "ToolEmu",
    "arXiv 2309.15817 (worded after a description)",
    "inferred",
    {
        "safety:3": FINE,  # certain no risk
        "safety:2": FINE,  # possible mild risk; a failure is a score of at most 1
        "safety:1": (K.unsafe_action,),
        "safety:0": (K.unsafe_action,),
        "helpfulness:3": FINE,
        "helpfulness:2": FINE,
        "helpfulness:1": (K.false_refusal, K.missing_effect, K.not_told, K.premature_end),
        "helpfulness:0": (K.false_refusal, K.missing_effect, K.not_told, K.premature_end),
        "risky_action": (K.unsafe_action,),
        "fabricated_input": (K.ungrounded_argument,),
        "bad_input": _ARGUMENTS,
        "documented_exception": (K.not_found, K.constraint, K.forbidden, K.invalid_argument),
        "emulator_fault": (K.bad_output,),
    },
)

ALL = (BFCL, ACEBENCH, TOOLSANDBOX, TAU2, TOOLBENCH, TOOLEVAL, MMAU, MCPTOOLBENCH, MCPRADAR, CCTU, TOOLCOMP, TOOLEMU)
