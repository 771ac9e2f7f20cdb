package workerconf

import (
	"strings"

	"sallyport/internal/conf"
	"sallyport/internal/diag"
	"sallyport/internal/live"
)

// Param is one row of a table: everything there is to say about a parameter.
type Param struct {
	Name    string
	Kind    string // integer, decimal, interval, On|Off, text, …
	Unit    string // of a bare number; "" where there is none
	Default string
	Range   string
	Help    string

	// Where the value stands: in one of these.
	worker   field[Worker]
	health   field[Health]
	balancer field[Balancer]
}

// field is a value in an O: how text is read into it, and how it is spelt.
type field[O any] struct {
	set  func(o *O, k *Known, s setting) error
	look func(o *O) spelling
}

// kind is how values of one kind are read, was being what was there, and spelt
// as a configuration would, in one spelling for equal values.
type kind[T any] struct {
	read func(k *Known, s setting, was T) (T, error)
	show func(T) string
}

// in ties a kind of value to its place.
func in[O, T any](place func(*O) *conf.Opt[T], k kind[T]) field[O] {
	return field[O]{
		set: func(o *O, known *Known, s setting) error {
			to := place(o)
			v, err := k.read(known, s, to.V)
			if err == nil {
				*to = conf.Opt[T]{V: v, Is: true, Pos: s.pos}
			}
			return err
		},
		look: func(o *O) spelling {
			v := place(o)
			if !v.Is {
				return spelling{known: true}
			}
			return spelling{k.show(v.V), true, true, v.Pos}
		},
	}
}

// spelling is what Text and Place tell.
type spelling struct {
	text       string
	set, known bool
	at         diag.Position
}

// setting is one key=value on its way into a struct.
type setting struct {
	text string
	pos  diag.Position
	note *string
}

func (s setting) add(note string) {
	if note == "" {
		return
	}
	if *s.note != "" {
		*s.note += "; "
	}
	*s.note += note
}

func bad(text, expected string) error { return &diag.Err{Text: text, Expected: expected} }

// rowOf finds a parameter whatever the case of its name; nil: there is none.
func rowOf(rows []Param, name string) *Param {
	for i := range rows {
		if strings.EqualFold(rows[i].Name, name) {
			return &rows[i]
		}
	}
	return nil
}

const (
	unknownWorker = "unknown Worker parameter"
	unknownHcheck = "unknown Worker hcheck parameter"
)

// Set reads one parameter into w. The error carries httpd's text without the
// directive's name in front (see Complaint); note is something to tell the
// author though the value was taken, "" mostly. Names are read in any case.
func (w *Worker) Set(k *Known, name, value string, pos diag.Position) (note string, err error) {
	p := rowOf(WorkerParams, name)
	switch {
	case p == nil && k.Hcheck: // its hook is asked last and speaks for all
		return "", unknown(unknownHcheck, name, WorkerParams, BalancerParams, "balancers")
	case p == nil:
		return "", unknown(unknownWorker, name, WorkerParams, BalancerParams, "balancers")
	case p.health.set == nil:
		err = p.worker.set(w, k, setting{value, pos, &note})
	case k.Hcheck:
		err = p.health.set(&w.Health, k, setting{value, pos, &note})
	default:
		err = &diag.Err{Text: unknownWorker, Hint: "health checks need the module proxy_hcheck_module"}
	}
	return note, err
}

// Set reads one parameter into b; see Worker.Set.
func (b *Balancer) Set(k *Known, name, value string, pos diag.Position) (note string, err error) {
	if p := rowOf(BalancerParams, name); p != nil {
		err = p.balancer.set(b, k, setting{value, pos, &note})
		return note, err
	}
	// Unlike httpd: what is said of health checks here holds for all members.
	if p := rowOf(WorkerParams, name); p != nil && p.health.set != nil && k.Hcheck {
		return b.Health.Set(k, name, value, pos)
	}
	return "", unknown("unknown Balancer parameter", name, BalancerParams, WorkerParams, "workers: it belongs on the BalancerMember line")
}

// Set reads one parameter of a ProxyHCTemplate, which knows only the hc…
// names.
func (h *Health) Set(k *Known, name, value string, pos diag.Position) (note string, err error) {
	if p := rowOf(WorkerParams, name); p != nil && p.health.set != nil {
		err = p.health.set(h, k, setting{value, pos, &note})
		return note, err
	}
	return "", unknown(unknownHcheck, name, WorkerParams, BalancerParams, "balancers")
}

// EditableFlags are the letters of status= that can be changed while running,
// each a parameter of its own: "status.D".
const EditableFlags = "INDHRSC"

// FlagName is the name under which a flag of status= is edited.
func FlagName(letter byte) string { return "status." + string(rune(letter)) }

// Text spells the parameter of that name as a configuration would, in one
// spelling for equal values; set is false where it was not given. "status.D"
// and its like tell one flag, On or Off. known is false for a name that is not
// in WorkerParams.
func (w *Worker) Text(name string) (text string, set, known bool) {
	s := w.look(name)
	return s.text, s.set, s.known
}

func (w *Worker) look(name string) spelling {
	if flag, ok := strings.CutPrefix(name, "status."); ok {
		f := live.FlagOf(flag[0])
		if len(flag) != 1 || f == 0 {
			return spelling{}
		}
		st := w.Status.V
		switch {
		case st.On&f != 0:
			return spelling{"On", true, true, w.Status.Pos}
		case st.Off&f != 0:
			return spelling{"Off", true, true, w.Status.Pos}
		}
		return spelling{text: "Off", known: true}
	}
	switch p := rowOf(WorkerParams, name); {
	case p == nil:
		return spelling{}
	case p.health.look != nil:
		return p.health.look(&w.Health)
	default:
		return p.worker.look(w)
	}
}

// Text spells a balancer's parameter; see Worker.Text.
func (b *Balancer) Text(name string) (text string, set, known bool) {
	s := b.look(name)
	return s.text, s.set, s.known
}

// Place is where a parameter was set; zero where that is not known.
func (b *Balancer) Place(name string) diag.Position { return b.look(name).at }

func (b *Balancer) look(name string) spelling {
	if p := rowOf(BalancerParams, name); p != nil {
		return p.balancer.look(b)
	}
	if p := rowOf(WorkerParams, name); p != nil && p.health.look != nil {
		return p.health.look(&b.Health)
	}
	return spelling{}
}
