package conf

import "strings"

// Mentions reports whether a word stands anywhere in the text that was read:
// for what costs something at each request and is wanted by few.
func (c *Config) Mentions(word string) bool {
	for _, s := range c.sources {
		if strings.Contains(s.Text, word) {
			return true
		}
	}
	return false
}
