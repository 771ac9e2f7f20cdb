package errorlog

import (
	"errors"
	"fmt"
	"strings"
)

// Levels are the thresholds of one scope: what LogLevel set there. The zero
// Levels sets nothing; Over lays it over the outer scope's.
type Levels struct {
	Base Level // for modules without a threshold of their own
	Set  bool  // Base was set
	// Modules are thresholds by room name, each name once.
	Modules []ModuleLevel
}

// ModuleLevel is the threshold of one module.
type ModuleLevel struct {
	Module string // a room's name: "proxy"
	Level  Level
}

// DefaultLevels is httpd's: warn.
var DefaultLevels = Levels{Base: Warn, Set: true}

var errKeyword = errors.New("Log level keyword must be one of emerg/alert/crit/error/warn/notice/info/debug/trace1/.../trace8")

// ParseLevel reads a level's keyword, in any case.
func ParseLevel(word string) (Level, error) {
	for i, n := range levelNames {
		if strings.EqualFold(word, n) {
			return Level(i), nil
		}
	}
	return 0, errKeyword
}

// Add applies one word of LogLevel, "level" or "module:level". A bare level
// resets all modules. The module may be written proxy, proxy_module or
// mod_proxy.c; known says which room names there are, nil takes any.
func (l *Levels) Add(word string, known func(module string) bool) error {
	spec, keyword, ok := strings.Cut(word, ":")
	if !ok {
		lv, err := ParseLevel(word)
		if err != nil {
			return err
		}
		*l = Levels{Base: lv, Set: true}
		return nil
	}
	if keyword == "" {
		return fmt.Errorf("Module specifier '%s' must be followed by a log level keyword", spec)
	}
	lv, err := ParseLevel(keyword)
	if err != nil {
		return fmt.Errorf("%s: %w", word, err)
	}
	module := ModuleName(spec)
	if module == "" || known != nil && !known(module) {
		return fmt.Errorf("Cannot find module %s", spec)
	}
	l.set(module, lv)
	return nil
}

// ParseLevels reads all words of one LogLevel line.
func ParseLevels(words []string, known func(module string) bool) (Levels, error) {
	var l Levels
	for _, w := range words {
		if err := l.Add(w, known); err != nil {
			return Levels{}, err
		}
	}
	return l, nil
}

// ModuleName gives the room's name for the three spellings of a module:
// "proxy" for proxy, proxy_module and mod_proxy.c; "core" for core.c.
func ModuleName(spec string) string {
	if s, ok := strings.CutSuffix(spec, ".c"); ok {
		return strings.TrimPrefix(s, "mod_")
	}
	return strings.TrimSuffix(spec, "_module")
}

func (l *Levels) set(module string, lv Level) {
	for i := range l.Modules {
		if l.Modules[i].Module == module {
			// A copy: the old slice may be shared with another scope.
			l.Modules = append([]ModuleLevel(nil), l.Modules...)
			l.Modules[i].Level = lv
			return
		}
	}
	l.Modules = append(l.Modules[:len(l.Modules):len(l.Modules)], ModuleLevel{module, lv})
}

// Over lays l over the outer scope's levels: a base level of l covers all of
// outer, modules of l only their own.
func (l Levels) Over(outer Levels) Levels {
	if l.Set {
		return l
	}
	out := outer
	for _, m := range l.Modules {
		out.set(m.Module, m.Level)
	}
	return out
}

// Of gives the threshold of a module.
func (l *Levels) Of(module string) Level {
	for i := range l.Modules {
		if l.Modules[i].Module == module {
			return l.Modules[i].Level
		}
	}
	return l.Base
}

// bounds are the lowest and the highest threshold of any module.
func (l *Levels) bounds() (low, high Level) {
	low, high = l.Base, l.Base
	for _, m := range l.Modules {
		low, high = min(low, m.Level), max(high, m.Level)
	}
	return low, high
}
