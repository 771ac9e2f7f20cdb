package workerconf

import (
	"strings"

	"sallyport/internal/diag"
)

// Key is key=: the parts of a request that lbmethod=byhash goes by.
type Key struct{ Items []KeyItem }

// KeyItem is one item, as LogFormat writes it.
type KeyItem struct {
	// Kind is the item's letter: a i C e U q m V; 0: Name is plain text.
	Kind byte
	// Name is what stands in braces: a field, a cookie, "c" of %{c}a.
	Name string
}

// DefaultKey is the client's address.
var DefaultKey = Key{[]KeyItem{{Kind: 'a'}}}

// ParseKey reads key=.
func ParseKey(text string) (Key, error) {
	var k Key
	for rest := text; rest != ""; {
		i := strings.IndexByte(rest, '%')
		if i != 0 {
			if i < 0 {
				i = len(rest)
			}
			k.Items = append(k.Items, KeyItem{Name: rest[:i]})
			rest = rest[i:]
			continue
		}
		rest = rest[1:]
		var it KeyItem
		if strings.HasPrefix(rest, "{") {
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				return Key{}, badKey(text, "a brace is not closed")
			}
			it.Name, rest = rest[1:end], rest[end+1:]
		}
		if rest == "" {
			return Key{}, badKey(text, "it ends in the middle of an item")
		}
		it.Kind, rest = rest[0], rest[1:]
		switch it.Kind {
		case 'i', 'C', 'e':
			if it.Name == "" {
				return Key{}, badKey(text, "%"+string(it.Kind)+" wants a name: %{Name}"+string(it.Kind))
			}
		case 'a':
			if it.Name != "" && it.Name != "c" {
				return Key{}, badKey(text, "there is %a and %{c}a")
			}
		case 'U', 'q', 'm', 'V':
			if it.Name != "" {
				return Key{}, badKey(text, "%"+string(it.Kind)+" takes no name")
			}
		default:
			return Key{}, badKey(text, "%"+string(it.Kind)+" is not there")
		}
		k.Items = append(k.Items, it)
	}
	if len(k.Items) == 0 {
		return Key{}, badKey(text, "it is empty")
	}
	return k, nil
}

func badKey(text, why string) error {
	return &diag.Err{
		Text:     "key=" + text + ": " + why,
		Expected: "items of LogFormat: %a %{Name}i %{Name}C %{Name}e %U %q %m %V",
	}
}

// notToken reports a character that may not stand in a cookie's name.
func notToken(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
}

// String spells the key as key= does.
func (k Key) String() string {
	var b strings.Builder
	for _, it := range k.Items {
		switch {
		case it.Kind == 0:
			b.WriteString(it.Name)
		case it.Name != "":
			b.WriteString("%{" + it.Name + "}" + string(rune(it.Kind)))
		default:
			b.WriteString("%" + string(rune(it.Kind)))
		}
	}
	return b.String()
}
