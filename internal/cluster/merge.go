package cluster

import (
	"maps"
	"slices"

	"sallyport/internal/live"
)

// Configured is what Compare asks about the configuration, which may have
// changed since the edits were made.
type Configured interface {
	// Has tells whether the configuration names a balancer, or with url a
	// member of it.
	Has(key live.BalancerKey, url string) bool
	// Text is the configuration's value of a parameter, in one spelling for
	// equal values, and Edited that of an edit's value in the same spelling.
	Text(key live.BalancerKey, url, param string) Text
	Edited(key live.BalancerKey, url, param, value string) Text
}

// ConflictKind says in which way configuration and edit disagree.
type ConflictKind string

// The kinds.
const (
	// Changed: the configuration's value is another than when the edit was
	// made, and not the edit's.
	Changed ConflictKind = "changed"
	// Gone: the configuration no longer names what was edited.
	Gone ConflictKind = "gone"
)

// Conflict is an edit that the configuration's author could not know of, or the
// other way round. Until somebody decides, the edit holds where it can.
type Conflict struct {
	Kind     ConflictKind
	Balancer live.BalancerKey
	Member   string // "": the balancer's settings
	Param    string // "": the member, or the balancer, itself
	Base     Text   // the configuration's value when the edit was made
	Now      Text   // its value now
	Edit     Text
	Mark     Mark // of the edit
}

// Compare is the three-way merge: for each edit it looks at what the
// configuration said then, what it says now, and what the edit says. Where the
// first two are equal the edit holds and nothing is to be told. Where the last
// two are equal the edit has been written into the configuration: settled are
// the edits to forget. Anything else is a conflict.
func (o *Overlay) Compare(conf Configured) (conflicts []Conflict, settled []Edit) {
	for _, key := range o.Keys() {
		b := o.Balancers[key]
		if !conf.Has(key, "") {
			conflicts = append(conflicts, Conflict{Kind: Gone, Balancer: key, Mark: b.mark()})
			continue
		}
		c, back := compare(conf, key, "", b.Params)
		conflicts = append(conflicts, c...)
		if len(back) > 0 {
			settled = append(settled, Edit{Verb: Set, Balancer: key, Params: back})
		}
		for _, url := range b.URLs() {
			m, has := b.Members[url], conf.Has(key, url)
			switch {
			case m.Removed.Revision != 0:
				if !has {
					settled = append(settled, Edit{Verb: Settle, Balancer: key, Member: url})
				}
				continue
			case m.Added.Revision == 0 && !has:
				conflicts = append(conflicts, Conflict{Kind: Gone, Balancer: key, Member: url, Mark: m.mark()})
				continue
			case m.Added.Revision != 0 && !has:
				continue // its edits are all there is
			}
			c, back := compare(conf, key, url, m.Params)
			conflicts = append(conflicts, c...)
			if len(back) > 0 || m.Added.Revision != 0 {
				settled = append(settled, Edit{Verb: Settle, Balancer: key, Member: url, Params: back})
			}
		}
	}
	return conflicts, settled
}

func compare(conf Configured, key live.BalancerKey, url string, params map[string]Value) (conflicts []Conflict, back []Param) {
	for _, name := range slices.Sorted(maps.Keys(params)) {
		v := params[name]
		now := conf.Text(key, url, name)
		edit := conf.Edited(key, url, name, v.Text)
		switch {
		case now == edit && now != v.Base:
			back = append(back, Param{Name: name, Back: true, Base: now, Was: Some(v.Text)})
		case now == v.Base:
		default:
			conflicts = append(conflicts, Conflict{Changed, key, url, name, v.Base, now, Some(v.Text), v.Mark})
		}
	}
	return conflicts, back
}

func (m *Member) mark() Mark {
	last := m.Added
	for _, v := range m.Params {
		if v.Revision > last.Revision {
			last = v.Mark
		}
	}
	return last
}

func (b *Balancer) mark() Mark {
	var last Mark
	for _, v := range b.Params {
		if v.Revision > last.Revision {
			last = v.Mark
		}
	}
	for _, m := range b.Members {
		if k := m.mark(); k.Revision > last.Revision {
			last = k
		}
	}
	return last
}
