package mime

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strings"

	"sallyport/internal/conf/syntax"
	"sallyport/internal/module"
)

// systemTypes is where most systems keep their types file.
const systemTypes = "/etc/mime.types"

// loadTypes reads the types file of the main server: extension → type.
//
// Unlike httpd: without TypesConfig a missing conf/mime.types is no error; the
// system's file is read in its place, or else a short list of our own used. A
// file that was asked for must be there.
func loadTypes(b *module.Build) map[string]*media {
	if s := server.Of(b.Config.Main.Conf); s != nil && s.types.Is {
		types, err := readTypes(s.types.V)
		if err != nil {
			b.Fail(s.types.Pos, "AH01597: could not open mime types config file "+s.types.V+".", err.Error())
		}
		return types
	}
	for _, file := range []string{filepath.Join(b.Config.Root, "conf/mime.types"), systemTypes} {
		if types, err := readTypes(file); err == nil {
			return types
		}
	}
	types, _ := parseTypes(strings.NewReader(builtin))
	return types
}

func readTypes(file string) (map[string]*media, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return parseTypes(f)
}

// parseTypes reads lines of a type and its extensions. The later of two lines
// about an extension counts.
func parseTypes(r io.Reader) (map[string]*media, error) {
	types := map[string]*media{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		words := syntax.Words(line)
		if len(words) < 2 {
			continue
		}
		m := parseMedia(words[0])
		for _, ext := range words[1:] {
			types[strings.ToLower(ext)] = m
		}
	}
	return types, lines.Err()
}

// builtin is enough for a web site.
const builtin = `
text/html html htm
text/css css
text/javascript js mjs
text/plain txt text conf log
text/csv csv
text/markdown md
text/xml xml
application/json json map
application/manifest+json webmanifest
application/pdf pdf
application/wasm wasm
application/gzip gz
application/zip zip
application/octet-stream bin
image/avif avif
image/gif gif
image/jpeg jpeg jpg
image/png png
image/svg+xml svg
image/vnd.microsoft.icon ico
image/webp webp
font/otf otf
font/ttf ttf
font/woff woff
font/woff2 woff2
audio/mpeg mp3
audio/ogg ogg oga
video/mp4 mp4
video/webm webm
`

// media is a Content-Type taken apart around its charset: head, "; charset="
// and charset, tail.
type media struct {
	full                string
	head, charset, tail string
}

// with is the type with another charset, in the old one's place or at the end.
func (m *media) with(charset string) string {
	if charset == "" || m.head == "" {
		return m.full
	}
	return m.head + "; charset=" + charset + m.tail
}

// parseMedia takes a type apart as httpd's analyze_ct does: parameters are
// spelt anew with "; " between them, what is malformed ends the list. A text
// that is no type at all is kept as it is and gets no charset.
func parseMedia(s string) *media {
	m := &media{full: s}
	base, rest, _ := strings.Cut(s, ";")
	kind, sub, ok := strings.Cut(strings.TrimSpace(base), "/")
	sub = strings.TrimSpace(sub)
	if !ok || strings.TrimSpace(kind) == "" || sub == "" || strings.ContainsAny(kind+sub, " \t") {
		return m
	}
	m.head = kind + "/" + sub
	for rest != "" {
		var name, value string
		name, rest, ok = strings.Cut(rest, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" || strings.ContainsAny(name, " \t;\"") {
			break
		}
		value, rest = parameter(strings.TrimLeft(rest, " \t"))
		switch {
		case value == "":
			rest = ""
		case m.charset == "" && name == "charset":
			m.charset = value
		case m.charset == "":
			m.head += "; " + name + "=" + value
		default:
			m.tail += "; " + name + "=" + value
		}
	}
	m.full = m.head
	if m.charset != "" {
		m.full = m.with(m.charset)
	}
	return m
}

// parameter takes the value of a parameter off s, quotes included; what
// follows its semicolon is rest. A value that is not one is "".
func parameter(s string) (value, rest string) {
	if strings.HasPrefix(s, `"`) {
		i := 1
		for i < len(s) && s[i] != '"' {
			if s[i] == '\\' {
				i++
			}
			i++
		}
		if i >= len(s) {
			return "", ""
		}
		value, s = s[:i+1], strings.TrimLeft(s[i+1:], " \t")
		if s != "" && s[0] != ';' {
			return "", ""
		}
		return value, strings.TrimPrefix(s, ";")
	}
	value, rest, _ = strings.Cut(s, ";")
	value = strings.TrimSpace(value)
	if strings.ContainsAny(value, " \t\"") {
		return "", ""
	}
	return value, rest
}
