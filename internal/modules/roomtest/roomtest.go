// Package roomtest runs a configuration text with a few rooms and a recorded
// client: the whole way from text to answer, without sockets. The core room is
// always among the rooms; its log is silent.
//
// What several processes or real bytes are needed for belongs to proxytest.
package roomtest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/exchange"
	"sallyport/internal/exchange/exchangetest"
	"sallyport/internal/module"
	"sallyport/internal/modules/core"
	"sallyport/internal/snapshot"
)

// House is a configuration that serves recorded clients.
type House struct {
	Snap *snapshot.Snapshot
	// Diags are the warnings of loading and compiling.
	Diags diag.List
}

// Compile loads text with the given rooms, which all count as loaded, and
// builds a snapshot. It returns nil and the list when there were errors.
// Positions name the file "test.conf"; root is ServerRoot.
func Compile(t testing.TB, root, text string, rooms ...*module.Room) (*House, diag.List) {
	t.Helper()
	o := conf.Options{
		File: "test.conf", Text: text + "\n", Root: root,
		Before: []string{"ServerName example.test", "LogLevel emerg"},
	}
	rooms = append([]*module.Room{&core.Room}, rooms...)
	for _, r := range rooms {
		o.Modules = append(o.Modules, conf.ModuleInfo{Name: r.Name, Source: r.Source, Static: r.Static, Directives: r.Directives, Expand: r.Expand})
	}
	cfg, diags := conf.Load(o)
	if diags.Failed() {
		return nil, diags
	}
	snap, more := snapshot.Build(cfg, rooms, module.Env{Test: true})
	diags = append(diags, more...)
	if snap == nil {
		return nil, diags
	}
	return &House{Snap: snap, Diags: diags}, diags
}

// New is Compile for a text that must be right.
func New(t testing.TB, text string, rooms ...*module.Room) *House {
	t.Helper()
	return NewAt(t, "/", text, rooms...)
}

// NewAt is New with a ServerRoot.
func NewAt(t testing.TB, root, text string, rooms ...*module.Room) *House {
	t.Helper()
	h, diags := Compile(t, root, text, rooms...)
	if h == nil {
		t.Fatalf("the configuration is wrong: %v", texts(diags))
	}
	return h
}

// Do sends one request, as exchangetest.NewExchange makes it, through all
// phases. Without a Host field it asks for "example.test".
func (h *House) Do(method, target string, headers ...string) *exchangetest.Recorder {
	x, rec := h.Exchange(method, target, headers...)
	h.Serve(x)
	return rec
}

// Exchange makes the exchange of Do, for tests that look at it afterwards.
func (h *House) Exchange(method, target string, headers ...string) (*exchange.Exchange, *exchangetest.Recorder) {
	host := false
	for _, l := range headers {
		host = host || strings.HasPrefix(strings.ToLower(l), "host:")
	}
	if !host {
		headers = append(headers, "Host: example.test")
	}
	path, _, _ := strings.Cut(target, "?")
	x, rec := exchangetest.NewExchange(method, strings.ReplaceAll(path, "%", "%25"), headers...)
	x.Request.Target = target
	x.RawPath, x.Query, x.HasQuery = strings.Cut(target, "?")
	return x, rec
}

// Serve runs an exchange to its end.
func (h *House) Serve(x *exchange.Exchange) {
	h.Snap.At(x.Client.Local).Serve(x)
}

// Answer prints a response: status line, fields in order, a blank line, body.
func Answer(rec *exchangetest.Recorder) string {
	reason := rec.Head.Reason
	return strings.TrimRight(strconv.Itoa(rec.Head.Status)+" "+reason, " ") + "\n" +
		exchangetest.Lines(&rec.Head.Header) + "\n" + rec.Body.String()
}

// Files writes a tree into a new directory and returns it: "name: text" makes
// a file, "name/" a directory, "name -> target" a link.
func Files(t testing.TB, lines ...string) string {
	t.Helper()
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		name, text, isFile := strings.Cut(line, ": ")
		target := ""
		isLink := false
		if !isFile {
			name, target, isLink = strings.Cut(line, " -> ")
		}
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		switch {
		case isFile:
			err = os.WriteFile(path, []byte(text), 0o644)
		case isLink:
			err = os.Symlink(target, path)
		default:
			err = os.MkdirAll(path, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// Errors loads a text that must be wrong and returns "line: text" of each
// error, one a line.
func Errors(t testing.TB, text string, rooms ...*module.Room) string {
	t.Helper()
	_, diags := Compile(t, "/", text, rooms...)
	return strings.Join(pick(diags, diag.Error), "\n")
}

// Warnings returns "line: text" of each warning of h.
func (h *House) Warnings() string {
	return strings.Join(pick(h.Diags, diag.Warning), "\n")
}

func pick(l diag.List, s diag.Severity) []string {
	var out []string
	for _, d := range l {
		if d.Severity == s {
			out = append(out, strconv.Itoa(d.Pos.Line)+": "+d.Text)
		}
	}
	return out
}

func texts(l diag.List) []string {
	var out []string
	for _, d := range l {
		out = append(out, strconv.Itoa(d.Pos.Line)+": "+d.Text)
	}
	return out
}
