"""Answers to BFCL's single-turn cases: right ones made from the reference, and wrong ones made from these, by a seed."""

import copy
import random


def chosen(possible, rng=None):
    """One of the alternatives that is a value, and not leave to leave it out."""
    values = [value for value in possible if value != ""]
    if not values:
        return ""
    return rng.choice(values) if rng else values[0]


def told(value, schema, rng=None):
    """A value of the reference as a model gives it: within objects, alternatives stand for each key."""
    kind = schema.get("type")
    if isinstance(value, dict) and kind in ("dict", "HashMap"):
        return {key: chosen(part, rng) if isinstance(part, list) else part for key, part in value.items() if part != [""]}
    if isinstance(value, list) and (schema.get("items") or {}).get("type") == "dict":
        return [told(part, {"type": "dict"}, rng) for part in value]
    return value


def java(value, kind, items=None):
    """A value as the literal of a type."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"{value}{ {'float': 'f', 'long': 'L'}.get(kind, '') }"
    if isinstance(value, list):
        inner = items or "any"
        parts = [f'"{part}"' if isinstance(part, str) and (kind == "ArrayList" and inner == "String") else java(part, inner) for part in value]
        if isinstance(value[0] if value else None, str) and kind == "ArrayList" and inner == "char":
            parts = [f"'{part}'" for part in value]
        body = ", ".join(parts)
        return f"new ArrayList<>(Arrays.asList({body}))" if kind == "ArrayList" else f"new Object[]{{{body}}}"
    if isinstance(value, dict):
        puts = " ".join(f'put("{key}", {java_inner(part)});' for key, part in value.items())
        return f"new HashMap<String, Object>() {{{{ {puts} }}}}"
    return str(value)


def java_inner(value):
    return f'"{value}"' if isinstance(value, str) else java(value, "integer")


def script(value, kind, items=None):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"{value}{'n' if kind == 'Bigint' else ''}"
    if isinstance(value, list):
        return "[" + ", ".join(f"'{part}'" if isinstance(part, str) else script(part, items or "any") for part in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"'{key}': {script_inner(part)}" for key, part in value.items()) + "}"
    return str(value)


def script_inner(value):
    return f'"{value}"' if isinstance(value, str) else script(value, "any")


def written(value, schema, language):
    kind, items = schema.get("type"), (schema.get("items") or {}).get("type")
    return value if language == "python" else (java if language == "java" else script)(value, kind, items)


def right(functions, gold, language, rng=None, optional=True):
    """The reference as calls."""
    docs = {function["name"]: function for function in functions}
    calls = []
    for answer in gold:
        ((name, arguments),) = answer.items()
        properties = docs[name]["parameters"]["properties"]
        given = {}
        for key, possible in arguments.items():
            required = key in docs[name]["parameters"]["required"]
            if key not in properties or (possible == [""] and not required) or (not optional and "" in possible):
                continue
            given[key] = written(told(chosen(possible, rng), properties[key], rng), properties[key], language)
        calls.append({name: given})
    return calls


def text_of(calls):
    """Python calls, as a model writes them."""
    return (
        "["
        + ", ".join(f"{name}({', '.join(f'{key}={value!r}' for key, value in given.items())})" for call in calls for name, given in call.items())
        + "]"
    )


OTHER = [None, True, 3, -1.5, "", "x", [], ["x"], [1], [[1]], {}, {"a": 1}, [{"a": 1}], "5", 0, 1e9, "None", ["", 2], [True, None]]


def changed(value, rng):
    """A value like this one, and another."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return rng.choice([value + 1, -value, value * 10, value + 0.5])
    if isinstance(value, str):
        return rng.choice([f"{value}x", value[:-1], value[::-1], f"not {value}", value.replace(" ", "")[:3], f'"{value}"'])
    if isinstance(value, list):
        return rng.choice([value[:-1], [*value, *value[:1]], value[::-1], [changed(part, rng) for part in value[:1]] + value[1:]])
    if isinstance(value, dict) and value:
        key = rng.choice(sorted(value, key=str))
        return rng.choice([{k: v for k, v in value.items() if k != key}, {**value, "extra": 1}, {**value, key: changed(value[key], rng)}])
    return rng.choice(OTHER)


def alike(value, rng):
    """A value that upstream may take for the same."""
    if isinstance(value, str):
        return rng.choice(
            [value.upper(), value.replace(" ", "_"), f" {value}. ", value.replace(",", ""), value.replace("-", " "), value.replace("'", '"')]
        )
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return float(value)
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, list):
        return rng.choice([[alike(part, rng) for part in value], tuple(value)])
    if isinstance(value, dict):
        return {key: alike(part, rng) for key, part in reversed(list(value.items()))}
    return value


def typed(value, rng):
    """The value in another type."""
    return rng.choice([str(value), [value], {"value": value}, repr(value), rng.choice(OTHER), [str(value)], value == 1])


def mutated(calls, how, rng):
    """Calls that differ in one thing, or None where they have no such thing."""
    calls = copy.deepcopy(calls)
    at = rng.randrange(len(calls)) if calls else None
    if at is None:
        return None
    ((name, given),) = calls[at].items()
    key = rng.choice(sorted(given)) if given else None
    if how == "extra":
        given[rng.choice(["extra", "name", "query", "x_y"])] = rng.choice(OTHER)
    elif how == "twice":
        calls.insert(at, copy.deepcopy(calls[at]))
    elif how == "less":
        del calls[at]
    elif how == "none":
        return []
    elif how == "order":
        rng.shuffle(calls)
        given_items = list(given.items())
        given.clear()
        given.update(reversed(given_items))
    elif how == "copied":
        calls = [copy.deepcopy(calls[at]) for _ in calls]
    elif how == "name":
        calls[at] = {rng.choice([f"{name}s", name.upper(), name.replace(".", "_"), name.split(".")[-1], "", "other"]): given}
    elif key is None:
        return None
    elif how == "drop":
        del given[key]
    elif how == "rename":
        given[f"{key}_"] = given.pop(key)
    else:
        given[key] = {"changed": changed, "alike": alike, "typed": typed, "other": lambda _, rng: rng.choice(OTHER)}[how](given[key], rng)
    return calls


HOWS = (
    "drop",
    "extra",
    "rename",
    "typed",
    "typed",
    "changed",
    "changed",
    "changed",
    "alike",
    "alike",
    "other",
    "other",
    "twice",
    "less",
    "none",
    "order",
    "copied",
    "name",
    "name",
)
TEXTS = (
    "I am sorry, none of these can help.", "", "[]", "[{}]", "{}", "[f]", "f", "[f(x)]", "f(x=1", "[1]", "[f(x=+5)]", "[f(x=1, x=2)]", "```\n{}\n```",
    "[lambda: 0]", "[f(x=g(y=1))]", "[f()()]", "[f(x=not True)]", "[f(**{{'x': 1}})]", "{}; {}", "[f(x=2*3)]", "{}()", "'{}'", "None", "...", "[...]",
)  # fmt: skip


def answers(case_id, functions, gold, language, seed):
    """All answers of a case: first the reference's, then at least ten others. (how, answer) each."""
    rng = random.Random(f"{seed} {case_id}")
    best = right(functions, gold, language)
    found = [("gold", {"calls": best})]
    found += [("gold", {"calls": right(functions, gold, language, rng)}), ("least", {"calls": right(functions, gold, language, rng, optional=False)})]
    found.append(("underscores", {"calls": [{name.replace(".", "_"): given for name, given in call.items()} for call in best], "underscores": True}))
    for how in HOWS:
        made = mutated(best, how, rng)
        if made is not None:
            found.append((how, {"calls": made}))
    if language == "python":
        found.append(("gold_text", {"text": text_of(best)}))
        for how in rng.sample(HOWS, 5):
            made = mutated(best, how, rng)
            if made is not None:
                found.append((f"{how}_text", {"text": text_of(made)}))
        plain = text_of(best)
        for text in rng.sample(TEXTS, 4):
            found.append(("text", {"text": text.replace("{}", plain)}))
        cut = rng.randrange(len(plain))
        found.append(("cut_text", {"text": plain[:cut] + rng.choice(["", "(", "]", "'", ", ", "="]) + plain[cut + rng.choice([0, 1]) :]}))
    return found


def text_of_call(call):
    """A call as upstream runs it."""
    name, given = call
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in given.items())})"


def turns(task, seed):
    """A multi-turn entry's gold calls as (name, arguments), and variants of them."""
    rng = random.Random(f"{seed} {task.id}")
    gold = [[(call.name, call.arguments) for call in want.gold] for want in task.goal.wants]
    busy = [at for at, calls in enumerate(gold) if calls]
    first, last = busy[0], busy[-1]

    def at_turn(at, calls):
        return [calls if index == at else kept for index, kept in enumerate(gold)]

    at = rng.choice(busy)
    index = rng.randrange(len(gold[at]))
    name, given = gold[at][index]
    others = [call for calls in gold for call in calls]
    found = {
        "gold": gold,
        "without_last": at_turn(last, gold[last][:-1]),
        "first_twice": at_turn(first, [gold[first][0], *gold[first]]),
        "dropped": at_turn(at, gold[at][:index] + gold[at][index + 1 :]),
        "again": at_turn(at, [*gold[at], gold[at][index]]),
        "reversed": [calls[::-1] for calls in gold],
        "unknown": at_turn(at, [*gold[at], ("no_such_tool", {}), ("run", {}), ("_load_scenario", {"scenario": {}})]),
        "looked": at_turn(at, [("pwd", {}), ("get_current_time", {}), *gold[at], ("displayCarStatus", {"option": "fuel"})]),
        "extra_argument": at_turn(at, [*gold[at][:index], (name, {**given, "nothing": 1}), *gold[at][index + 1 :]]),
        "empty_turn": at_turn(at, []),
        "silent": [[] for _ in gold],
        "another": at_turn(at, [*gold[at][:index], rng.choice(others), *gold[at][index:]]),
        "all_first": [others if index == first else calls for index, calls in enumerate(gold)],
        "late": [[] if index == first else gold[first] + calls if index == first + 1 else calls for index, calls in enumerate(gold)],
    }
    if given:
        key = rng.choice(sorted(given))
        for how in ("changed", "changed_again"):
            value = changed(given[key], rng)
            found[how] = at_turn(at, [*gold[at][:index], (name, {**given, key: value}), *gold[at][index + 1 :]])
        found["typed"] = at_turn(at, [*gold[at][:index], (name, {**given, key: typed(given[key], rng)}), *gold[at][index + 1 :]])
        found["mistaken_then_right"] = at_turn(at, [*gold[at][:index], (name, {**given, key: changed(given[key], rng)}), *gold[at][index:]])
        found["undropped_argument"] = at_turn(at, [*gold[at][:index], (name, {k: v for k, v in given.items() if k != key}), *gold[at][index + 1 :]])
    return found
