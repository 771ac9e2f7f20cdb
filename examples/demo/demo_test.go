package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDemo does what the front page invites to do, with the real program and
// examples/demo.conf.
func TestDemo(t *testing.T) {
	url := startDemo(t)

	t.Run("every gate serves, by its factor", func(t *testing.T) {
		n := count(t, url, 14)
		if n["north"] != 4 || n["east"] != 4 || n["south"] != 4 || n["west"] != 2 {
			t.Errorf("14 requests went to %v, want 4, 4, 4 and 2", n)
		}
	})

	t.Run("nobody notices a broken gate", func(t *testing.T) {
		post(t, url+"/warden/break/east")
		n := count(t, url, 14)
		if n["east"] != 0 || n["north"]+n["south"]+n["west"] != 14 {
			t.Errorf("14 requests went to %v, want none to east and none lost", n)
		}
		post(t, url+"/warden/mend/east")
	})

	t.Run("the desk keeps its visitors", func(t *testing.T) {
		jar, _ := cookiejar.New(nil)
		c := &http.Client{Jar: jar}
		first := body(t, c, url+"/desk/who")
		for range 5 {
			if got := body(t, c, url+"/desk/who"); got != first {
				t.Fatalf("first %q, then %q", first, got)
			}
		}
		body(t, c, url+"/desk/")
		if got := body(t, c, url+"/desk/"); !strings.Contains(got, "visit number 2") {
			t.Errorf("the gate does not know its visitor:\n%s", got)
		}
	})

	t.Run("an upload arrives whole", func(t *testing.T) {
		const size = 5 << 20
		data := strings.Repeat("0123456789abcdef", size/16)
		resp, err := http.Post(url+"/upload", "application/octet-stream", strings.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		got, _ := io.ReadAll(resp.Body)
		sum := sha256.Sum256([]byte(data))
		if !strings.Contains(string(got), hex.EncodeToString(sum[:])) {
			t.Errorf("%d %s", resp.StatusCode, got)
		}
	})

	t.Run("events come one by one", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, "GET", url+"/events", nil)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		line, err := bufio.NewReader(resp.Body).ReadString('\n')
		if err != nil || !strings.Contains(line, "event 1") {
			t.Errorf("first line %q, %v", line, err)
		}
	})

	t.Run("a WebSocket echoes", func(t *testing.T) { testEcho(t, url) })

	t.Run("a redirect is put right", func(t *testing.T) {
		c := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		resp, err := c.Get(url + "/old")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("Location"); got != url+"/" {
			t.Errorf("Location %q, want %q", got, url+"/")
		}
	})

	t.Run("files are served without a backend", func(t *testing.T) {
		resp, err := http.Get(url + "/static/style.css")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/css" || resp.Header.Get("X-Gate") != "" {
			t.Errorf("%d %v", resp.StatusCode, resp.Header)
		}
	})

	t.Run("all gates shut", func(t *testing.T) {
		for _, g := range []string{"north", "east", "south", "west"} {
			post(t, url+"/warden/break/"+g)
		}
		resp, err := http.Get(url + "/")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		page, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 503 || !strings.Contains(string(page), "All gates are shut") {
			t.Errorf("%d\n%s", resp.StatusCode, page)
		}
	})
}

// startDemo builds Sallyport and runs the demo on free ports until the test
// ends.
func startDemo(t *testing.T) (url string) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and runs Sallyport")
	}
	program := filepath.Join(t.TempDir(), "sallyport")
	if out, err := exec.Command("go", "build", "-o", program, "sallyport/cmd/sallyport").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	free := make([]port, len(standardPorts))
	for i, p := range standardPorts {
		free[i].name = p.name
	}
	d, err := openDemo(free)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.close)
	cmd, err := d.command(program, "../demo.conf")
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		if err := <-ended; err != nil {
			t.Errorf("sallyport: %v", err)
		}
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("what it wrote:\n%s", text)
		}
		log.Close()
	})
	if !d.answers(t.Context(), ended) {
		text, _ := os.ReadFile(log.Name())
		t.Fatalf("sallyport does not start:\n%s", text)
	}
	return "http://" + address(d.port)
}

// count sends n requests and says who answered how many.
func count(t *testing.T, url string, n int) map[string]int {
	t.Helper()
	tally := map[string]int{}
	for range n {
		tally[strings.TrimSpace(body(t, http.DefaultClient, url+"/who"))]++
	}
	return tally
}

func body(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%s: %d, %v\n%s", url, resp.StatusCode, err, b)
	}
	return string(b)
}

func post(t *testing.T, url string) {
	t.Helper()
	resp, err := http.Post(url, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("%s: %s", url, resp.Status)
	}
}

// testEcho opens a WebSocket by hand and sends messages of three lengths.
func testEcho(t *testing.T, url string) {
	nc, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(nc, "GET /echo HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	r := bufio.NewReader(nc)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	// The answer of RFC 6455, section 1.3, to its sample key.
	if resp.StatusCode != 101 || resp.Header.Get("Sec-WebSocket-Accept") != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Fatalf("%s %v", resp.Status, resp.Header)
	}
	greeting := frame(t, r)
	if !strings.HasSuffix(greeting, "gate listens") {
		t.Fatalf("greeting %q", greeting)
	}
	for _, n := range []int{5, 300, 70000} {
		text := strings.Repeat("x", n)
		var b strings.Builder
		w := bufio.NewWriter(&b)
		writeFrame(w, final|opText, []byte(text))
		w.Flush()
		// A client masks; with the mask 0 the bytes stay as they are.
		head := b.Len() - n
		masked := []byte(b.String()[:head])
		masked[1] |= 0x80
		nc.Write(append(append(masked, 0, 0, 0, 0), text...))
		if got := frame(t, r); got != text {
			t.Fatalf("%d bytes sent, %d came back", n, len(got))
		}
	}
}

// frame reads an unmasked frame, which only servers send.
func frame(t *testing.T, r *bufio.Reader) string {
	t.Helper()
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		t.Fatal(err)
	}
	n := int(head[1])
	extra := map[int]int{126: 2, 127: 8}[n]
	if extra > 0 {
		n = 0
		for range extra {
			b, err := r.ReadByte()
			if err != nil {
				t.Fatal(err)
			}
			n = n<<8 | int(b)
		}
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(r, data); err != nil {
		t.Fatal(err)
	}
	return string(data)
}
