from pydantic import BaseModel


class FunctionCall(BaseModel):
    function: str
    args: dict


class Function(BaseModel):
    name: str
    description: str
    parameters: type[BaseModel]
    run: object

    model_config = {"arbitrary_types_allowed": True}


class FunctionsRuntime:
    def __init__(self, functions):
        self.functions = {function.name: function for function in functions}

    def run_function(self, env, function, kwargs, raise_on_error=False):
        found = self.functions[function]
        return found.run(env, **found.parameters.model_validate(kwargs).model_dump()), None
