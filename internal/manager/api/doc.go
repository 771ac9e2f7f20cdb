// Package api is the JSON API of the manager, as SetHandler balancer-manager
// serves it below api/v1 of its Location: everything that the desk (package
// manager) can show and do, for programs, ctl and the console. openapi.json
// describes it, is served with it, and a test holds both together.
//
// A request finds its row in the table of routes (routes.go). Reading makes
// JSON of the desk's answers (show.go). Writing reads a bounded body (body.go),
// makes a proposal of it (write.go) and lets the desk judge: what is wrong
// comes back as problem+json (RFC 9457) that names field, value and allowed
// range (problem.go). events.go is the stream of what happens, tokens.go knows
// programs by their bearer tokens (RFC 6750).
//
// Who may come in at all is decided before, by the Location's Require; whether
// edits are refused though somebody came in (no Require, another site's page)
// is asked of the room, which has the same rule for its page.
package api
