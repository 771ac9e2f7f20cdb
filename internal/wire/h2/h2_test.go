package h2

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

func TestHead(t *testing.T) {
	h := Head{Length: 1<<24 - 1, Type: WindowUpdate, Flags: EndHeaders | Padded, Stream: MaxWindow}
	b := AppendHead([]byte("x"), h)
	if len(b) != 1+HeadLen || ParseHead(b[1:]) != h {
		t.Fatalf("%x", b)
	}
	b[6] |= 0x80 // the reserved bit says nothing
	if ParseHead(b[1:]) != h {
		t.Fatalf("%+v", ParseHead(b[1:]))
	}
}

func TestBody(t *testing.T) {
	for _, c := range []struct {
		head    Head
		payload string
		data    string
		depends uint32
		code    Code
	}{
		{Head{Type: Data}, "abc", "abc", 0, NoError},
		{Head{Type: Data}, "", "", 0, NoError},
		{Head{Type: Data, Flags: Padded}, "\x02abc..", "abc", 0, NoError},
		{Head{Type: Data, Flags: Padded}, "\x05abc..", "", 0, NoError},
		{Head{Type: Data, Flags: Padded}, "\x06abc..", "", 0, ProtocolError},
		{Head{Type: Data, Flags: Padded}, "", "", 0, FrameSizeError},
		// Only HEADERS carry a priority: elsewhere the flag means nothing.
		{Head{Type: Data, Flags: HasPriority}, "\x80\x00\x00\x03\x10abc", "\x80\x00\x00\x03\x10abc", 0, NoError},
		{Head{Type: Headers, Flags: HasPriority}, "\x80\x00\x00\x03\x10abc", "abc", 3, NoError},
		{Head{Type: Headers, Flags: HasPriority}, "\x80\x00\x00\x03", "", 0, FrameSizeError},
		{Head{Type: Headers, Flags: HasPriority | Padded}, "\x01\x00\x00\x00\x07\x10abc.", "abc", 7, NoError},
	} {
		data, depends, code := Body(c.head, []byte(c.payload))
		if string(data) != c.data || depends != c.depends || code != c.code {
			t.Errorf("%+v %q: %q %d %v", c.head, c.payload, data, depends, code)
		}
	}
}

func TestSettings(t *testing.T) {
	for _, c := range []struct {
		setting Setting
		value   uint32
		code    Code
	}{
		{EnablePush, 0, NoError},
		{EnablePush, 2, ProtocolError},
		{EnableConnectProtocol, 1, NoError},
		{EnableConnectProtocol, 2, ProtocolError},
		{InitialWindowSize, MaxWindow, NoError},
		{InitialWindowSize, MaxWindow + 1, FlowControlError},
		{MaxFrameSize, MaxFrame - 1, ProtocolError},
		{MaxFrameSize, 1<<24 - 1, NoError},
		{MaxFrameSize, 1 << 24, ProtocolError},
		{0x7777, 1<<32 - 1, NoError},
	} {
		seen := 0
		code := ParseSettings(AppendSetting(nil, c.setting, c.value), func(s Setting, v uint32) {
			if s != c.setting || v != c.value {
				t.Errorf("%v: %v", s, v)
			}
			seen++
		})
		if code != c.code || (seen == 1) != (code == NoError) {
			t.Errorf("%v %v: %v, %d seen", c.setting, c.value, code, seen)
		}
	}
	if code := ParseSettings([]byte("12345"), nil); code != FrameSizeError {
		t.Error(code)
	}
}

// TestWritten reads what we write by another reader.
func TestWritten(t *testing.T) {
	long := strings.Repeat("h", 2*MaxFrame+5)
	b := AppendHeaders(nil, 3, []byte(long), true)
	b = AppendHeaders(b, 5, []byte(long[:MaxFrame]), false)
	b = AppendHeaders(b, 7, nil, false)
	b = AppendUint32Frame(b, RSTStream, 3, uint32(Cancel))
	b = AppendUint32Frame(b, WindowUpdate, 0, 77)
	b = AppendGoAway(b, 9, EnhanceYourCalm)
	r := http2.NewFramer(nil, bytes.NewReader(b))
	r.AllowIllegalReads = true
	var got []string
	for {
		f, err := r.ReadFrame()
		if err != nil {
			break
		}
		line := f.Header().String()
		switch f := f.(type) {
		case *http2.RSTStreamFrame:
			line += " " + f.ErrCode.String()
		case *http2.GoAwayFrame:
			line += " " + f.ErrCode.String()
		}
		got = append(got, line)
	}
	want := []string{
		"[FrameHeader HEADERS flags=END_STREAM stream=3 len=16384]",
		"[FrameHeader CONTINUATION stream=3 len=16384]",
		"[FrameHeader CONTINUATION flags=END_HEADERS stream=3 len=5]",
		"[FrameHeader HEADERS flags=END_HEADERS stream=5 len=16384]",
		"[FrameHeader HEADERS flags=END_HEADERS stream=7 len=0]",
		"[FrameHeader RST_STREAM stream=3 len=4] CANCEL",
		"[FrameHeader WINDOW_UPDATE len=4]",
		"[FrameHeader GOAWAY len=8] ENHANCE_YOUR_CALM",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
}

func TestCodes(t *testing.T) {
	for c := NoError; c <= HTTP11Required; c++ {
		if c.String() != http2.ErrCode(c).String() {
			t.Errorf("%d: %s", c, c)
		}
	}
	if Code(99).String() != "unknown code" {
		t.Error(Code(99))
	}
}

// FuzzFrame compares with another reader what a DATA, HEADERS or SETTINGS
// frame holds, and when it is refused.
func FuzzFrame(f *testing.F) {
	f.Add(uint8(Data), uint8(Padded), []byte("\x02abc.."))
	f.Add(uint8(Headers), uint8(Padded|HasPriority|EndHeaders), []byte("\x01\x00\x00\x00\x07\x10abc."))
	f.Add(uint8(Settings), uint8(0), AppendSetting(AppendSetting(nil, EnablePush, 0), InitialWindowSize, 1<<31))
	f.Fuzz(func(t *testing.T, kind, flags uint8, payload []byte) {
		h := Head{Length: len(payload), Type: Type(kind % 5), Flags: flags, Stream: 1}
		if h.Type == Settings {
			h.Stream, h.Flags = 0, 0
		}
		if len(payload) > MaxFrame {
			return
		}
		r := http2.NewFramer(nil, bytes.NewReader(append(AppendHead(nil, h), payload...)))
		r.AllowIllegalReads = true // the order of frames is not this package's
		theirs, err := r.ReadFrame()
		var ours []byte
		code := NoError
		switch h.Type {
		case Data, Headers:
			ours, _, code = Body(h, payload)
		case Settings:
			code = ParseSettings(payload, func(s Setting, v uint32) { ours = AppendSetting(ours, s, v) })
		default:
			return
		}
		if code == NoError && err != nil {
			t.Fatalf("%+v %q is taken, and refused there: %v", h, payload, err)
		}
		// Their reader leaves most values of settings to its caller.
		if code != NoError && err == nil && h.Type != Settings {
			t.Fatalf("%+v %q is refused, and taken there", h, payload)
		}
		if err != nil || code != NoError {
			return
		}
		switch g := theirs.(type) {
		case *http2.DataFrame:
			if !bytes.Equal(g.Data(), ours) {
				t.Fatalf("%+v %q: %q, there %q", h, payload, ours, g.Data())
			}
		case *http2.HeadersFrame:
			if !bytes.Equal(g.HeaderBlockFragment(), ours) {
				t.Fatalf("%+v %q: %q, there %q", h, payload, ours, g.HeaderBlockFragment())
			}
		case *http2.SettingsFrame:
			for i := range g.NumSettings() {
				s := g.Setting(i)
				if !bytes.Equal(AppendSetting(nil, Setting(s.ID), s.Val), ours[6*i:6*i+6]) {
					t.Fatalf("%+v %q: setting %d", h, payload, i)
				}
			}
		}
	})
}
