package authz_groupfile

import (
	"fmt"
	"testing"
)

func TestReadGroups(t *testing.T) {
	m := readGroups("# x: y\na: joe \"jane doe\"\n b : joe\na: joe bob\nempty:\nnone")
	if got := fmt.Sprint(m["joe"], m["jane doe"], m["bob"], len(m)); got != "[a b] [a] [a] 3" {
		t.Error(got)
	}
}

func FuzzReadGroups(f *testing.F) {
	f.Add("a: b c\n#\n\"x: 'y z'")
	f.Fuzz(func(t *testing.T, text string) { readGroups(text) })
}
