"""ToolSandbox's own matcher on what `benchmarks/parity_toolsandbox.py` asks: run in a process of its own, with the
package and what it needs on the path.

Reads a JSON list of cases from standard input and writes, for each, the mapping and both similarities, or the error;
and the CPU seconds that the matching took.
"""

import itertools
import json
import sys
import time
from functools import partial

import polars as pl
from tool_sandbox.common import evaluation as e
from tool_sandbox.common.execution_context import DatabaseNamespace, ExecutionContext
from tool_sandbox.common.tool_trace_extractors import default_value_normalization

TABLES = {"@messages": "SANDBOX", "setting": "SETTING", "contact": "CONTACT", "reminder": "REMINDER"}
ROLES = {"user": "USER", "agent": "AGENT", "tools": "EXECUTION_ENVIRONMENT", "system": "SYSTEM"}
MEASURES = {
    "exact": e.column_exact_match_similarity,
    "contains": e.column_contains_similarity,
    "rouge_l": e.column_rouge_l_similarity,
    "tool_trace": e.column_tool_trace_exact_match_similarity,
    "one": e.column_one_similarity,
}
KINDS = {"snapshot": e.snapshot_similarity, "addition": e.addition_similarity, "removal": e.removal_similarity, "update": e.update_similarity}


def context(case):
    made = ExecutionContext()
    for table, versions in case["tables"].items():
        schema = made.dbs_schemas[DatabaseNamespace[TABLES[table]]]
        rows = []
        for at, kept in versions.items():
            rows += [dict.fromkeys(schema) | {"sandbox_message_index": int(at)}]
            rows += [dict.fromkeys(schema) | row | {"sandbox_message_index": int(at)} for row in kept]
        made._dbs[DatabaseNamespace[TABLES[table]]] = pl.DataFrame(rows, schema=schema)
    schema = made.dbs_schemas[DatabaseNamespace.SANDBOX]
    said = [
        dict.fromkeys(schema)
        | {
            "sandbox_message_index": at,
            "sender": ROLES[row["sender"]],
            "recipient": ROLES[row["recipient"]],
            "content": row["content"],
            "tool_trace": None if row["tool_trace"] is None else [json.dumps(trace) for trace in row["tool_trace"]],
        }
        for at, row in enumerate(case["messages"])
    ]
    made._dbs[DatabaseNamespace.SANDBOX] = pl.DataFrame(said, schema=schema)
    return made


def measure(given):
    if isinstance(given, str):
        return MEASURES[given]
    if given["kind"] == "close":
        return lambda dataframe, column_name, value, atol_dict=None: e.column_close_similarity(
            dataframe, column_name, value, {column_name: given["atol"]}
        )
    return partial(MEASURES[given["kind"]], atol_dict=given["atol"])


def extractor(take, fill):
    def found(trace):
        values = {}
        for name, path in take.items():
            at = trace
            for step in path:
                at = at[step]
            values[name] = at
        if fill == "tool_trace":
            return [values]
        forms = [default_value_normalization(value) for value in values.values()]
        return [dict(zip(values, chosen)) for chosen in itertools.product(*forms)]

    return found


def cell(name, value):
    if name in ("sender", "recipient"):
        return ROLES[value]
    return json.dumps(value) if name == "tool_trace" else value


def milestone(stated, of):
    constraints = []
    for one in stated["constraints"]:
        namespace = DatabaseNamespace[TABLES[one["table"]]]
        schema = {name: ExecutionContext.dbs_schemas[namespace][name] for row in one["rows"] for name in row}
        if "tool_trace" in schema:
            schema["tool_trace"] = pl.String
        rows = [{name: cell(name, value) for name, value in row.items()} for row in one["rows"]]
        dependent = one.get("kind") == "tool_trace_dependent"
        kind = KINDS.get(one.get("kind", "snapshot"))
        if dependent:
            kind = partial(e.tool_trace_dependant_similarity, fill_to=one["fill"], extractor=extractor(one["take"], one["fill"]))
        constraints.append(
            e.SnapshotConstraint(
                database_namespace=namespace,
                snapshot_constraint=kind,
                reference_milestone_node_index=one.get("reference"),
                target_dataframe=pl.DataFrame(rows, schema=schema),
                column_similarity_measure={name: measure(given) for name, given in one.get("columns", {}).items()},
            )
        )
    free = [DatabaseNamespace[TABLES[table]] for table in stated.get("free", [])]
    return of(constraints, guardrail_database_exclusion_list=free or None)


def answer(case):
    try:
        made = context(case)
        goals = [milestone(one, e.Milestone) for one in case["milestones"]]
        mines = [milestone(one, e.Minefield) for one in case["minefields"]]
        began = time.process_time()
        found = e.Evaluation(e.MilestoneMatcher(goals, case["edges"]), e.MilestoneMatcher(mines, None)).evaluate(made, 30)
        took = time.process_time() - began
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:200]}
    return {
        "similarity": found.similarity,
        "milestones": found.milestone_similarity,
        "minefields": found.minefield_similarity,
        "places": {str(node): place for node, (place, _) in found.milestone_mapping.items()},
        "seconds": took,
    }


json.dump([answer(case) for case in json.load(sys.stdin)], sys.stdout)
