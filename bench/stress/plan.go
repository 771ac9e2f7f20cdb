//go:build linux

package main

import (
	"fmt"
	"strconv"
	"strings"
)

// Behaviour is what a backend does with a request. The request's path names
// it, so that the client knows what to expect.
type Behaviour struct {
	Name string
	// Must says that the client is owed the whole right answer. Where it is
	// not set the fault is the backend's, and an error or a cut answer is as
	// good; a wrong answer never is.
	Must bool
	// Upload: the request carries a body. Bodiless: the answer has none.
	Upload   bool
	Bodiless bool
	// Early: the answer may be complete before the upload is, and the proxy
	// may end the client's connection after it, unannounced.
	Early  bool
	Status int // of the right answer
	Weight int // how often it is asked for
	// Whole: the answer and what follows it leave in one segment. Were the
	// rest to come later, no proxy could tell it from the next answer.
	Whole  bool
	Costly bool // holds a connection for seconds: asked for by few
}

// behaviours is the table that backends act by and clients choose from.
func behaviours() []Behaviour {
	return []Behaviour{
		{Name: "length", Must: true, Status: 200, Weight: 30},
		{Name: "chunked", Must: true, Status: 200, Weight: 15},
		{Name: "trailer", Must: true, Status: 200, Weight: 5},
		{Name: "hints", Must: true, Status: 200, Weight: 5},                     // a 103 first
		{Name: "dribble", Must: true, Status: 200, Weight: 5},                   // body in pieces, with pauses
		{Name: "empty", Must: true, Status: 204, Bodiless: true, Weight: 4},     // No Content
		{Name: "notmod", Must: true, Status: 304, Bodiless: true, Weight: 3},    // with the length a GET would have
		{Name: "announced", Must: true, Status: 200, Weight: 4},                 // Connection: close, and does
		{Name: "closing", Must: true, Status: 200, Weight: 4},                   // closes at once, unannounced
		{Name: "closelater", Must: true, Status: 200, Weight: 4},                // closes the idle connection soon after
		{Name: "upload", Must: true, Upload: true, Status: 200, Weight: 12},     // reads all, then answers
		{Name: "deaf", Upload: true, Status: 200, Weight: 2},                    // as upload, but never says 100
		{Name: "early", Upload: true, Early: true, Status: 200, Weight: 3},      // answers before it reads the body
		{Name: "earlyclose", Upload: true, Early: true, Status: 200, Weight: 2}, // answers and closes on the upload
		{Name: "surplus", Status: 200, Weight: 3, Whole: true},                  // more body than its length says
		{Name: "poison", Status: 200, Weight: 3, Whole: true},                   // a second answer nobody asked for
		{Name: "latepoison", Must: true, Status: 200, Weight: 2, Whole: true},   // the same, a moment later
		{Name: "reset", Weight: 2}, {Name: "finish", Weight: 2},                 // gone before a byte of answer
		{Name: "resethead", Weight: 2}, {Name: "finishhead", Weight: 2}, // gone within the head
		{Name: "resetbody", Status: 200, Weight: 2}, {Name: "finishbody", Status: 200, Weight: 2},
		{Name: "resetchunk", Status: 200, Weight: 2}, {Name: "finishchunk", Status: 200, Weight: 2},
		{Name: "badchunk", Status: 200, Weight: 2}, // a chunk size that is none
		{Name: "nothttp", Weight: 1},               // an answer that is not HTTP
		{Name: "hugehead", Weight: 1},              // a head without end
		{Name: "stall", Weight: 1, Costly: true},   // never answers
		{Name: "stallbody", Status: 200, Weight: 1, Costly: true},
	}
}

// lateToken marks the answer of "latepoison" that nobody asked for.
const lateToken = "late"

// plan is one request: the path's parts.
type plan struct {
	Where string // the mapped prefix: "one" or "pool"
	What  Behaviour
	Size  int64 // bytes of the answer's body
	Token string
}

func (p plan) path() string {
	return fmt.Sprintf("/%s/%s/%d/%s", p.Where, p.What.Name, p.Size, p.Token)
}

// parsePath is the backend's side of path.
func parsePath(path string, known map[string]Behaviour) (plan, error) {
	f := strings.Split(path, "/")
	if len(f) != 5 || f[0] != "" {
		return plan{}, fmt.Errorf("read the plan: path %q", path)
	}
	size, err := strconv.ParseInt(f[3], 10, 64)
	if err != nil || size < 0 {
		return plan{}, fmt.Errorf("read the plan: size in %q", path)
	}
	b, ok := known[f[2]]
	if !ok {
		return plan{}, fmt.Errorf("read the plan: behaviour in %q", path)
	}
	return plan{Where: f[1], What: b, Size: size, Token: f[4]}, nil
}

// byName indexes the table.
func byName() map[string]Behaviour {
	m := map[string]Behaviour{}
	for _, b := range behaviours() {
		m[b.Name] = b
	}
	return m
}
