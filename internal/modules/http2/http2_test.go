package http2

import (
	"strings"
	"testing"
	"time"

	"sallyport/internal/exchange"
	"sallyport/internal/modules/roomtest"
)

// TestValues: what httpd takes and refuses, in its words; "" is taken. Where
// httpd reads text as 0, it is refused.
func TestValues(t *testing.T) {
	for line, want := range map[string]string{
		"H2MaxSessionStreams x":                        "value must be > 0",
		"H2MaxSessionStreams 0":                        "value must be > 0",
		"H2MaxSessionStreams 70000":                    "",
		"H2WindowSize 1000":                            "value must be >= 1024",
		"H2WindowSize 70000":                           "",
		"H2MinWorkers 0":                               "value must be > 0",
		"H2MaxWorkers 5":                               "",
		"H2MaxWorkerIdleSeconds x":                     "Invalid idle limit value",
		"H2MaxWorkerIdleSeconds 0":                     "",
		"H2StreamMaxMemSize 100":                       "value must be >= 1024",
		"H2SerializeHeaders x":                         "",
		"H2ModernTLSOnly x":                            "value must be On or Off",
		"H2Upgrade x":                                  "value must be On or Off",
		"H2Direct x":                                   "value must be On or Off",
		"H2Push x":                                     "value must be On or Off",
		"H2PushPriority * After 16":                    "",
		"H2PushPriority * x":                           "dependency must be one of 'After', 'Before' or 'Interleaved'",
		"H2PushPriority * before 5":                    "dependency 'Before' does not allow a weight",
		"H2PushDiarySize -1":                           "value must be >= 0",
		"H2PushDiarySize 100":                          "value must a power of 2",
		"H2PushDiarySize 64":                           "",
		"H2CopyFiles x":                                "value must be On or Off",
		"H2PushResource /x":                            "",
		"H2PushResource add /x critical":               "",
		"H2PushResource add /x z":                      "unknown last parameter",
		"H2EarlyHints x":                               "value must be On or Off",
		"H2EarlyHint a":                                "H2EarlyHint takes two arguments",
		"H2EarlyHint Link x":                           "",
		"H2EarlyHint \"a b\" x":                        "H2EarlyHint: not a header field",
		"H2Padding 9":                                  "number of bits must be <= 8",
		"H2Padding x":                                  "number of bits must be >= 0",
		"H2Padding 8":                                  "",
		"H2OutputBuffering x":                          "value must be On or Off",
		"H2StreamTimeout x":                            "Invalid timeout value",
		"H2StreamTimeout -1":                           "Invalid timeout value",
		"H2StreamTimeout 5ms":                          "",
		"H2MaxDataFrameLen -1":                         "value must be 0 or larger",
		"H2MaxHeaderBlockLen -1":                       "value must be 0 or larger",
		"H2MaxStreamErrors x":                          "value must be 0 or larger",
		"H2ProxyRequests x":                            "value must be On or Off",
		"H2WebSockets on off":                          "H2WebSockets takes one argument",
		"H3EarlyData x":                                "H3EarlyData must be On or Off",
		"<Location />\nH2WindowSize 2000\n</Location>": "H2WindowSize not allowed in <Location> context",
	} {
		got := roomtest.Errors(t, line, &Room)
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// TestSettings: defaults, and what a virtual host sets for itself.
func TestSettings(t *testing.T) {
	h := roomtest.New(t, `ServerName a.test
Listen 80
Protocols h3 h2 h2c http/1.1
H2MaxSessionStreams 20
<VirtualHost *:80>
    ServerName b.test
    Protocols http/1.1
    H2WindowSize 2000
    H2Direct Off
    H2StreamTimeout 5
    H2Padding 3
    H2WebSockets On
    H2MaxStreamErrors 0
</VirtualHost>`, &Room)
	main, one := h.Snap.Servers[0].Server.Core, h.Snap.Servers[1].Server.Core
	m, o := &main.Versions, &one.Versions
	if !m.Allows("h2") || !m.Allows("h3") || !m.Direct(false) || m.Direct(true) || strings.Join(main.Protocols, " ") != "h2 http/1.1" {
		t.Errorf("main: %+v %v", m, main.Protocols)
	}
	if want := (exchange.HTTP2{Direct: true, MaxStreams: 20, Window: 65535, MaxErrors: 8}); *m.HTTP2 != want {
		t.Errorf("main: %+v", m.HTTP2)
	}
	if o.Allows("h2") || o.Allows("h3") || !o.Allows("http/1.1") || o.Direct(false) || strings.Join(one.Protocols, " ") != "http/1.1" {
		t.Errorf("one: %+v %v", o, one.Protocols)
	}
	if want := (exchange.HTTP2{MaxStreams: 20, Window: 2000, StreamTimeout: 5 * time.Second, Padding: 7, WebSockets: true}); *o.HTTP2 != want {
		t.Errorf("one: %+v", o.HTTP2)
	}
}
