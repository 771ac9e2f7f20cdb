package cluster

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"testing"

	"sallyport/internal/live"
)

var key = live.BalancerKey{Name: "x"}

func set(member, name, value string, base Text) Edit {
	return Edit{Verb: Set, Balancer: key, Member: member, Params: []Param{{Name: name, Value: value, Base: base}}}
}

// TestOneOrder: many who propose at once get one order, nobody's change is lost
// or doubled, and whoever watches, from wherever, comes to the same overlay.
func TestOneOrder(t *testing.T) {
	log := NewLog(State{}, nil)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	const writers, each = 8, 40
	follow := func(from Revision, start *Overlay) *Overlay {
		o := start
		for c, err := range log.Watch(ctx, from) {
			if err != nil {
				t.Error(err)
				return nil
			}
			if c.Revision != o.Rev()+1 {
				t.Errorf("revision %d follows %d", c.Revision, o.Rev())
			}
			if o = o.With(c); c.Revision == writers*each {
				break
			}
		}
		return o
	}
	var all sync.WaitGroup
	seen := make([]*Overlay, 3)
	for i := range seen {
		all.Add(1)
		go func() { defer all.Done(); seen[i] = follow(0, nil) }()
	}
	for w := range writers {
		all.Add(1)
		go func() {
			defer all.Done()
			for n := range each {
				for {
					at := log.State().Overlay.Rev()
					_, err := log.Propose(ctx, at, Change{Edits: []Edit{set(fmt.Sprint("m", w), "n", fmt.Sprint(n), Text{})}})
					var stale *Stale
					if err == nil {
						break
					}
					if !errors.As(err, &stale) || stale.Head <= at {
						t.Error(err)
						return
					}
				}
			}
		}()
	}
	all.Wait()
	end := log.State().Overlay
	for w := range writers {
		if v := end.Of(key).Member(fmt.Sprint("m", w)).Params["n"].Text; v != fmt.Sprint(each-1) {
			t.Errorf("writer %d ends at %s", w, v)
		}
	}
	for i, o := range append(seen, follow(writers*each/2, func() *Overlay {
		var o *Overlay
		for _, c := range log.State().History[:writers*each/2] {
			o = o.With(c)
		}
		return o
	}())) {
		if !reflect.DeepEqual(o, end) {
			t.Errorf("watcher %d has come to another overlay", i)
		}
	}
}

// TestBehind: who has missed more than is kept is told.
func TestBehind(t *testing.T) {
	log := NewLog(State{}, nil)
	for n := range KeptChanges + 5 {
		if _, err := log.Propose(context.Background(), Revision(n), Change{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range log.Watch(context.Background(), 2) {
		if !errors.Is(err, ErrBehind) {
			t.Errorf("%v", err)
		}
	}
	if n := len(log.State().History); n != KeptChanges {
		t.Errorf("%d changes are kept", n)
	}
}

// TestRefused: what can't be kept does not hold.
func TestRefused(t *testing.T) {
	full := errors.New("no space")
	var kept Revision
	log := NewLog(State{}, func(s State) error {
		if s.Overlay.Rev() == 2 {
			return full
		}
		kept = s.Overlay.Rev()
		return nil
	})
	log.Propose(context.Background(), 0, Change{Edits: []Edit{set("", "a", "1", Text{})}})
	if _, err := log.Propose(context.Background(), 1, Change{Edits: []Edit{set("", "a", "2", Text{})}}); !errors.Is(err, full) {
		t.Error(err)
	}
	if s := log.State(); s.Overlay.Rev() != 1 || kept != 1 || s.Overlay.Of(key).Params["a"].Text != "1" || len(s.History) != 1 {
		t.Errorf("%+v", s)
	}
}

// TestWithChangesNothing: an overlay that somebody holds stays as it is.
func TestWithChangesNothing(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var o *Overlay
	for n := range 300 {
		e := set([]string{"", "a", "b"}[rnd.IntN(3)], []string{"p", "q"}[rnd.IntN(2)], fmt.Sprint(n), Text{})
		if e.Member != "" {
			e.Verb = []Verb{Set, Add, Remove, Settle}[rnd.IntN(4)]
		}
		e.Params[0].Back = rnd.IntN(3) == 0
		before := fmt.Sprintf("%v", dump(o))
		next := o.With(Change{Revision: Revision(n + 1), Edits: []Edit{e}})
		if after := fmt.Sprintf("%v", dump(o)); after != before {
			t.Fatalf("%+v changes what was there:\n%s\n%s", e, before, after)
		}
		o = next
	}
}

func dump(o *Overlay) []string {
	var out []string
	for _, k := range o.Keys() {
		b := o.Balancers[k]
		out = append(out, fmt.Sprint(k, b.Params, b.Last))
		for _, url := range b.URLs() {
			out = append(out, fmt.Sprint(url, *b.Members[url]))
		}
	}
	return out
}

// configured is a configuration of one balancer whose values are texts.
type configured map[string]Text // "url param"; "url" alone: the member is there

func (c configured) Has(_ live.BalancerKey, url string) bool { return c[url].Is || url == "" }
func (c configured) Text(_ live.BalancerKey, url, param string) Text {
	return c[url+" "+param]
}
func (c configured) Edited(_ live.BalancerKey, _, _, value string) Text { return Some(value) }

// TestCompare tries all ways in which what the configuration said, what it says
// and what was edited can meet: a value is never dropped or taken without a
// word.
func TestCompare(t *testing.T) {
	values := []Text{{}, Some("1"), Some("2"), Some("3")}
	for _, base := range values {
		for _, now := range values {
			for _, edit := range values[1:] {
				o := (*Overlay)(nil).With(Change{Revision: 1, Edits: []Edit{set("m", "p", edit.V, base)}})
				c := configured{"m": Some(""), "m p": now}
				conflicts, settled := o.Compare(c)
				switch {
				case now == base: // as the edit's author knew it
					if len(conflicts)+len(settled) != 0 {
						t.Errorf("%v %v %v: %v %v", base, now, edit, conflicts, settled)
					}
				case now == edit:
					if len(conflicts) != 0 || len(settled) != 1 {
						t.Errorf("%v %v %v: %v %v", base, now, edit, conflicts, settled)
					} else if left := o.With(Change{Revision: 2, Edits: settled}); !left.Empty() {
						t.Errorf("%v %v %v: settled, and %v is left", base, now, edit, dump(left))
					}
				default:
					if len(settled) != 0 || len(conflicts) != 1 || conflicts[0].Base != base || conflicts[0].Now != now || conflicts[0].Edit != edit {
						t.Errorf("%v %v %v: %v %v", base, now, edit, conflicts, settled)
					}
				}
				delete(c, "m")
				if conflicts, settled := o.Compare(c); len(settled) != 0 || len(conflicts) != 1 || conflicts[0].Kind != Gone {
					t.Errorf("without the member: %v %v", conflicts, settled)
				}
			}
		}
	}
}
