package consoletest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"sallyport/internal/freeport"
)

// patience is how long anything may take on a loaded machine.
const patience = 60 * time.Second

var program string // Sallyport, built once

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "console")
	if err != nil {
		panic(err)
	}
	code := 1
	program = filepath.Join(dir, "sallyport")
	build := exec.Command("go", "build", "-o", program, "sallyport/cmd/sallyport")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Printf("%v: %s\n", err, out)
	} else {
		code = m.Run()
	}
	os.RemoveAll(dir)
	os.Exit(code)
}

// backend answers with its name.
type backend struct {
	addr  string
	srv   *http.Server
	delay atomic.Int64
	bad   atomic.Bool // answers 500
}

func newBackend(t *testing.T, addr string) *backend {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{addr: ln.Addr().String()}
	b.srv = &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Duration(b.delay.Load()))
		if b.bad.Load() {
			w.WriteHeader(500)
		}
		io.WriteString(w, b.addr)
	})}
	go b.srv.Serve(ln)
	t.Cleanup(b.kill)
	return b
}

func (b *backend) url() string { return "http://" + b.addr }

// kill closes its listener and connections: whoever comes is refused.
func (b *backend) kill() { b.srv.Close() }

// rig is a running Sallyport.
type rig struct {
	t    *testing.T
	port string
	base string // "http://127.0.0.1:PORT"
	out  *bytes.Buffer
}

// serve starts Sallyport with this configuration behind a Listen line.
func serve(t *testing.T, conf string) *rig {
	t.Helper()
	dir := t.TempDir()
	for range 4 {
		n, err := freeport.New()
		if err != nil {
			t.Fatal(err)
		}
		port := strconv.Itoa(n)
		r := &rig{t: t, port: port, base: "http://127.0.0.1:" + port, out: new(bytes.Buffer)}
		file := filepath.Join(dir, "httpd.conf")
		text := fmt.Sprintf("ServerRoot %q\nPidFile %q\nErrorLog %q\nServerName shop.test\nListen 127.0.0.1:%s\n%s\n",
			dir, dir+"/pid", dir+"/error.log", port, conf)
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program, "-f", file)
		cmd.Stdout, cmd.Stderr = r.out, r.out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		for {
			if c, err := net.Dial("tcp", "127.0.0.1:"+port); err == nil {
				c.Close()
				t.Cleanup(func() {
					cmd.Process.Kill()
					<-ended
					if t.Failed() {
						log, _ := os.ReadFile(dir + "/error.log")
						t.Logf("Sallyport: %s\n%s", r.out, log)
					}
				})
				return r
			}
			select {
			case err := <-ended:
				if !strings.Contains(r.out.String(), "in use") {
					t.Fatalf("Sallyport does not start: %v: %s", err, r.out)
				}
			case <-time.After(20 * time.Millisecond):
				continue
			}
			break // the port went to somebody else
		}
	}
	t.Fatal("no port")
	return nil
}

// shop is the configuration of most tests.
func shop(backends ...*backend) string {
	var b strings.Builder
	b.WriteString("BalancerGrowth 5\n<Proxy balancer://shop>\n")
	for i, be := range backends {
		fmt.Fprintf(&b, "  BalancerMember %s route=r%d\n", be.url(), i)
	}
	b.WriteString("  ProxySet stickysession=SID\n</Proxy>\nProxyPass /bm !\nProxyPass /shop balancer://shop\n" +
		"<Location /bm>\n  SetHandler balancer-manager\n  Require local\n</Location>\n")
	return b.String()
}

// traffic sends requests until the test ends.
func (r *rig) traffic(path string) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if resp, err := http.Get(r.base + path); err == nil {
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	r.t.Cleanup(func() { stop(); <-done })
}

// xml is the plain page's state.
func (r *rig) xml() string {
	r.t.Helper()
	resp, err := http.Get(r.base + "/bm?xml=1")
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return string(text)
}

// browser is a fresh Chromium window.
type browser struct {
	*rig
	ctx context.Context
}

func (r *rig) browse(options ...step) *browser {
	r.t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		r.t.Skip("chromium is not installed: the console is not looked at in a browser")
	}
	flags := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.NoFirstRun, chromedp.Flag("disable-background-networking", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.UserDataDir(r.t.TempDir()), chromedp.WSURLReadTimeout(patience), chromedp.WindowSize(1400, 1000))
	alloc, cancel := chromedp.NewExecAllocator(context.Background(), flags...)
	r.t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(alloc)
	r.t.Cleanup(func() { chromedp.Cancel(ctx); cancel() })
	b := &browser{r, ctx}
	if err := chromedp.Do(ctx); err != nil {
		r.t.Fatal(err)
	}
	if err := chromedp.Listen(ctx, b.listen); err != nil {
		r.t.Fatal(err)
	}
	b.do(options...)
	return b
}

func (b *browser) do(actions ...step) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		b.shot("failed")
		b.t.Fatal(err)
	}
}

func (b *browser) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.base+path), chromedp.WaitReady("main"))
}

// eval is the value of an expression in the page.
func eval[T any](b *browser, js string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](js))
	if err != nil {
		b.shot("failed")
		b.t.Fatalf("%s: %v", js, err)
	}
	return v
}

// until waits for an expression to be true.
func (b *browser) until(js string) {
	b.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(b.ctx, patience)
		v, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+js+")"))
		cancel()
		if v {
			return
		}
		if time.Now().After(end) {
			b.shot("failed")
			text, _ := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.body.innerText"))
			b.t.Fatalf("never true: %s (%v); the page: %s", js, err, text)
		}
	}
}

// text is an element's text as it is seen.
func (b *browser) text(selector string) string {
	b.t.Helper()
	return eval[string](b, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
}

// click clicks the element of that selector and text.
func (b *browser) click(selector, text string) {
	b.t.Helper()
	const find = `[...document.querySelectorAll(%q)].find(e => e.innerText.trim() === %q && e.checkVisibility())`
	js := fmt.Sprintf(find, selector, text)
	b.until(js)
	eval[bool](b, js+".click() ?? true")
}

// confirm presses a button that makes a change, and waits for the page that
// says so: the old one may show the change before it goes.
func (b *browser) confirm(button string, revision int) {
	b.t.Helper()
	b.click("dialog button", button)
	b.until(fmt.Sprintf(`document.readyState === "complete" && document.querySelector(".message.good")?.innerText.includes("Revision %d ")`, revision))
}

// shot takes a picture for whoever wants to see it.
func (b *browser) shot(name string) {
	dir := os.Getenv("SHOTS")
	if dir == "" {
		return
	}
	data, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Logf("no picture: %v", err)
	} else {
		os.WriteFile(filepath.Join(dir, strings.ReplaceAll(b.t.Name(), "/", "-")+"-"+name+".png"), data, 0o644)
	}
}

// listen turns errors of scripts into failures.
func (b *browser) listen(ev any) {
	switch ev := ev.(type) {
	case *exceptionThrown:
		b.t.Errorf("a script fails: %s", ev.ExceptionDetails.Text)
	case *logged:
		if ev.Entry.Level == "error" && !strings.Contains(ev.Entry.Text, "ERR_") && !strings.Contains(ev.Entry.Text, "status of 4") {
			b.t.Errorf("the browser complains: %s %s", ev.Entry.Text, ev.Entry.URL)
		}
	}
}

type step = chromedp.Action[chromedp.Void]

func noScript() step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	})
}

func phone() step {
	return chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile, chromedp.EmulateScale(2))
}

func dark() step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
		return err
	})
}

// get asks once, whatever the answer.
func (r *rig) get(path string) {
	r.t.Helper()
	resp, err := http.Get(r.base + path)
	if err != nil {
		r.t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}

// post sends JSON, as another admin's program does.
func (r *rig) post(path, body string) {
	r.t.Helper()
	resp, err := http.Post(r.base+path, "application/json", strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 {
		r.t.Fatalf("%s: %s %s", path, resp.Status, text)
	}
}
