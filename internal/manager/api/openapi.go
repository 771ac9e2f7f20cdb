package api

import _ "embed"

// document is the API's description. api_test.go holds it to what is answered.
//
//go:embed openapi.json
var document []byte

func (c *call) openAPI() { c.body(200, "application/json", document) }
