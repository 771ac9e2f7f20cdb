package workerconf

import (
	"reflect"
	"strings"
	"testing"

	"sallyport/internal/diag"
)

// samples has a value for every parameter that can be set.
var samples = map[string][]string{
	"decimal": {"1", "2.5", "100"}, "integer": {"1", "600", "20"}, "On|Off": {"On", "Off"}, "on|off|auto": {"on", "off", "auto"},
	"interval": {"5", "500ms", "2mi", "1h"}, "flags": {"+D-H", "SN"}, "list": {"503,500"}, "percentage": {"30", "Off"},
	"format": {"%{X}i%U-%a"}, "character": {"-", "Off"},
}

// TestText: what Text spells is read back as the same, whatever the spelling it
// was given in, and every parameter can be spelt.
func TestText(t *testing.T) {
	known := &Known{Hcheck: true}
	try := func(p *Param, set func(v any, value string) error, spell func(v any) (string, bool, bool), fresh func() any) {
		values := append([]string{"x", "GET", "200", "7", "a sixteen letter word", "h2", "v2", "X-A: b"}, samples[p.Kind]...)
		tried := 0
		for _, value := range values {
			one := fresh()
			if set(one, value) != nil {
				continue
			}
			text, is, ok := spell(one)
			if !ok {
				t.Errorf("%s: Text does not know it", p.Name)
				return
			}
			if p.Name == "hctemplate" {
				tried++
				continue
			}
			again := fresh()
			if err := set(again, text); err != nil || !is {
				t.Errorf("%s=%s is spelt %q: %v %v", p.Name, value, text, is, err)
				continue
			}
			if !reflect.DeepEqual(one, again) {
				t.Errorf("%s=%s is spelt %q, which is %+v, not %+v", p.Name, value, text, again, one)
			}
			tried++
		}
		if tried == 0 {
			t.Errorf("%s (%s): no value to try", p.Name, p.Kind)
		}
		if text, is, _ := spell(fresh()); is {
			t.Errorf("%s: unset it is %q", p.Name, text)
		}
	}
	for i := range WorkerParams {
		p := &WorkerParams[i]
		try(p, func(v any, value string) error {
			_, err := v.(*Worker).Set(known, p.Name, value, diag.Position{})
			return err
		}, func(v any) (string, bool, bool) { return v.(*Worker).Text(p.Name) }, func() any { return new(Worker) })
	}
	for i := range BalancerParams {
		p := &BalancerParams[i]
		try(p, func(v any, value string) error {
			_, err := v.(*Balancer).Set(known, p.Name, value, diag.Position{})
			return err
		}, func(v any) (string, bool, bool) { return v.(*Balancer).Text(p.Name) }, func() any { return new(Balancer) })
	}
	var w Worker
	w.Set(known, "status", "+D-N", diag.Position{})
	for name, want := range map[string]string{"status.D": "On true", "status.N": "Off true", "status.H": "Off false"} {
		text, set, _ := w.Text(name)
		if got := text + map[bool]string{true: " true", false: " false"}[set]; got != want {
			t.Errorf("%s is %s", name, got)
		}
	}
	if _, _, known := w.Text("status.Q"); known {
		t.Error("a flag that is none")
	}
	if _, _, known := w.Text("status." + strings.Repeat("D", 2)); known {
		t.Error("two flags at once")
	}
}
