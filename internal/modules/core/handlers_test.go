package core_test

import (
	"testing"

	"sallyport/internal/module"
	"sallyport/internal/modules/roomtest"
)

func TestUnknownHandlers(t *testing.T) {
	room := &module.Room{Name: "show", Handlers: []string{"show-pages"}}
	h := roomtest.New(t, `SetHandler default-handler
<Location /a>
  SetHandler show-pages
</Location>
<Location /b>
  SetHandler show-page
  <If "true">
    SetHandler none
  </If>
</Location>
<Location /c>
  SetHandler proxy:http://127.0.0.1/
</Location>
<VirtualHost *:80>
  <Location /d>
    SetHandler nobodys
  </Location>
</VirtualHost>`, room)
	want := map[string]string{
		"SetHandler show-page: no module that is loaded has this handler; the requests are taken for files": "did you mean show-pages?",
		"SetHandler nobodys: no module that is loaded has this handler; the requests are taken for files":   "",
	}
	for _, d := range h.Diags {
		hint, expected := want[d.Text]
		if !expected || hint != d.Hint {
			t.Errorf("line %d: %q, hint %q", d.Pos.Line, d.Text, d.Hint)
		}
		delete(want, d.Text)
	}
	for text := range want {
		t.Errorf("no warning %q", text)
	}
}
