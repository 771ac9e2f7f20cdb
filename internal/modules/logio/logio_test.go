package logio

import (
	"testing"

	"sallyport/internal/modules/roomtest"
)

func TestTrackTTFB(t *testing.T) {
	h := roomtest.New(t, "LogIOTrackTTFB On\n<Location /off>\nLogIOTrackTTFB Off\n</Location>", &Room)
	for path, want := range map[string]bool{"/on": true, "/off": false} {
		x, _ := h.Exchange("GET", path)
		h.Serve(x)
		if got := !x.HeadAt.IsZero(); got != want {
			t.Errorf("%s: noted %v", path, got)
		}
	}
}
