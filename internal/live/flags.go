package live

import "strings"

// Flags is a worker's status: httpd's bits, as its balancer-manager and its
// persisted state know them.
type Flags uint32

// The bits, in no particular order; see flagTable for the order of display.
const (
	Initialized  Flags = 0x001 // O: the worker may be used at all
	IgnoreErrors Flags = 0x002 // I: failures never put it into error
	Draining     Flags = 0x004 // N: only sessions that name its route
	Generic      Flags = 0x008 // G
	InShutdown   Flags = 0x010 // U
	Disabled     Flags = 0x020 // D
	Stopped      Flags = 0x040 // S
	InError      Flags = 0x080 // E: failed lately, see Worker.RetryAt
	Standby      Flags = 0x100 // H: used when nothing else of its set is usable
	Free         Flags = 0x200 // F
	HealthFailed Flags = 0x400 // C: health checks say no
	Spare        Flags = 0x800 // R: stands in for one unusable member of its set

	// Unusable are the flags any one of which takes a worker out.
	Unusable = InShutdown | Disabled | Stopped | InError | HealthFailed
	// Health are the flags that the worker's own fate sets; a reload keeps
	// them. The others belong to configuration and operators.
	Health = InError | HealthFailed
	// Editable are the flags an operator may set.
	Editable = IgnoreErrors | Draining | Disabled | Stopped | Standby | Spare | HealthFailed
)

// flagTable has one row per flag, in httpd's order of display.
var flagTable = [...]struct {
	letter byte
	flag   Flags
	shown  string
}{
	{'O', Initialized, "Init "},
	{'I', IgnoreErrors, "Ign "},
	{'N', Draining, "Drn "},
	{'G', Generic, "Gen "},
	{'U', InShutdown, "Shut "},
	{'D', Disabled, "Dis "},
	{'S', Stopped, "Stop "},
	{'E', InError, "Err "},
	{'H', Standby, "Stby "},
	{'R', Spare, "Spar "},
	{'F', Free, "Free "},
	{'C', HealthFailed, "HcFl "},
}

// FlagOf returns the flag of a letter of either case; 0 for any other byte.
func FlagOf(letter byte) Flags {
	if 'a' <= letter && letter <= 'z' {
		letter -= 'a' - 'A'
	}
	for _, row := range &flagTable {
		if row.letter == letter {
			return row.flag
		}
	}
	return 0
}

// Usable reports whether a worker with these flags may serve.
func (f Flags) Usable() bool { return f&(Initialized|Unusable) == Initialized }

// String shows the flags as httpd does, each word with a blank behind it:
// "Init Ok ", "Init Dis ", "??? " for none.
func (f Flags) String() string {
	var b strings.Builder
	for _, row := range &flagTable {
		if f&row.flag != 0 {
			b.WriteString(row.shown)
		}
	}
	if f.Usable() {
		b.WriteString("Ok ")
	}
	if b.Len() == 0 {
		return "??? "
	}
	return b.String()
}

// Letters gives the flags as status= would set them: "OD".
func (f Flags) Letters() string {
	var b []byte
	for _, row := range &flagTable {
		if f&row.flag != 0 {
			b = append(b, row.letter)
		}
	}
	return string(b)
}
