"""`openapi:FILE` and `openapi:URL`: the operations of an OpenAPI or Swagger document as tools."""
