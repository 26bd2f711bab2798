_HOME = "bfcl_eval.eval_checker.multi_turn_eval.func_source_code"
CLASS_FILE_PATH_MAPPING = {"Desk": f"{_HOME}.desk", "Sums": f"{_HOME}.sums", "WebSearch": f"{_HOME}.nowhere"}
MULTI_TURN_FUNC_DOC_FILE_MAPPING = {"Desk": "desk.json", "Sums": "sums.json", "WebSearch": "web.json"}
STATELESS_CLASSES = ["Sums"]
