package ssl

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"sallyport/internal/module"
	"sallyport/internal/tlsconf"
)

// secrets opens the encrypted keys of a configuration (SSLPassPhraseDialog).
// Pass phrases that opened one are tried on the others first, and after a reload
// too: the program may be one that only root can run.
type secrets struct {
	dialog string          // a program with its arguments, "|" before one that is asked again and again; ""
	known  *module.Secrets // of the process
	pipe   *pipe           // the program with "|", while it runs
}

// dialogTime is how long a program may take for a pass phrase.
const dialogTime = 30 * time.Second

// attempts is how often a program with "|" may be wrong about a key.
const attempts = 5

// open reads a key. server is "name:port", n the number of the key there.
func (s *secrets) open(data []byte, server, path string, n int) (crypto.Signer, error) {
	key, err := tlsconf.ParseKey(data, nil)
	if !errors.Is(err, tlsconf.ErrEncrypted) || s == nil {
		return key, err
	}
	for _, phrase := range s.known.All() {
		if key, bad := tlsconf.ParseKey(data, func() ([]byte, error) { return phrase, nil }); bad == nil {
			return key, nil
		}
	}
	if s.dialog == "" {
		return nil, err
	}
	ask, times := s.run, 1
	if s.dialog[0] == '|' {
		ask, times = s.query, attempts+1
	}
	for i := range times {
		var phrase []byte
		if phrase, err = ask(server, path, n, times-i); err != nil {
			return nil, fmt.Errorf("SSLPassPhraseDialog %s: %w", s.dialog, err)
		}
		if key, err = tlsconf.ParseKey(data, func() ([]byte, error) { return phrase, nil }); err == nil {
			s.known.Add(phrase)
			return key, nil
		}
	}
	return nil, err
}

// run asks a program of its own for each key (exec:).
func (s *secrets) run(server, _ string, n, _ int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), dialogTime)
	defer cancel()
	// By these names whatever the kind of the key is, as with httpd.
	kind := strconv.Itoa(n + 1)
	if names := []string{"RSA", "DSA", "ECC"}; n < len(names) {
		kind = names[n]
	}
	out, err := exec.CommandContext(ctx, s.dialog, server, kind).Output()
	if err != nil {
		return nil, err
	}
	return firstLine(out), nil
}

func firstLine(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return bytes.TrimRight(line, "\r")
}

// pipe is a program that reads prompts and writes pass phrases.
type pipe struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	asked string // for which key
}

// query asks the one program for all keys ("|").
func (s *secrets) query(server, path string, n, left int) ([]byte, error) {
	text := ""
	if s.pipe == nil {
		words := strings.Fields(s.dialog[1:])
		p := &pipe{cmd: exec.Command(words[0], words[1:]...)}
		var err error
		if p.in, err = p.cmd.StdinPipe(); err != nil {
			return nil, err
		}
		out, err := p.cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		p.out = bufio.NewReader(out)
		if err := p.cmd.Start(); err != nil {
			return nil, err
		}
		s.pipe, text = p, "Sallyport needs the pass phrases of private keys.\n"
	}
	id := server + ":" + strconv.Itoa(n)
	if s.pipe.asked == id {
		text += fmt.Sprintf("\nThat is not the pass phrase (it may be wrong %d more times).\n", left-1)
	} else {
		text += "\nPrivate key " + id + " (" + path + ")\n"
	}
	s.pipe.asked = id
	slow := time.AfterFunc(dialogTime, func() { s.pipe.cmd.Process.Kill() })
	defer slow.Stop()
	io.WriteString(s.pipe.in, text+"Enter pass phrase:") // it may not want to know
	line, err := s.pipe.out.ReadBytes('\n')
	if len(line) > 0 {
		return firstLine(line), nil
	}
	s.close()
	if errors.Is(err, io.EOF) {
		err = errors.New("it has ended without a pass phrase")
	}
	return nil, err
}

// close ends the program, if one runs.
func (s *secrets) close() {
	if s == nil || s.pipe == nil {
		return
	}
	s.pipe.in.Close()
	slow := time.AfterFunc(time.Second, func() { s.pipe.cmd.Process.Kill() })
	s.pipe.cmd.Wait()
	slow.Stop()
	s.pipe = nil
}
