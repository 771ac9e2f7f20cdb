package authn_file

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	u := parse("# c:x\n\njoe:h1\n joe:h2\njane:r:h3:more\r\nbob\n:h4\nzoe:$apr1$jbRbRAYu$VVfbfGl2Iquij6wDOfdik/")
	for user, want := range map[string]string{"joe": "h1", "jane": "r", "bob": "", "": "h4", "zoe": "$apr1$jbRbRAYu$VVfbfGl2Iquij6wDOfdik/"} {
		if got, ok := u.hashes[user]; got != want || !ok {
			t.Errorf("%q: %q", user, got)
		}
	}
	if len(u.hashes) != 5 || u.digests["jane:r"] != "h3" || len(u.digests) != 1 {
		t.Errorf("%v %v", u.hashes, u.digests)
	}
	if u.decoy != u.hashes["zoe"] {
		t.Errorf("decoy %q", u.decoy)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("joe:h1\n#x\na:b:c:d\n")
	f.Fuzz(func(t *testing.T, text string) {
		u := parse(text)
		for user, hash := range u.hashes {
			if strings.ContainsAny(user+hash, ":\n") || strings.HasPrefix(user, "#") {
				t.Errorf("%q: %q", user, hash)
			}
		}
	})
}
