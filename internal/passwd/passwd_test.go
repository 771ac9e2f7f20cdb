package passwd

import (
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for name, stored := range map[string]string{
		"htpasswd -B": "$2y$05$bMGuU9vmmboFeddzzHqZfeuGMu6KaXGcwNNGcW5xgdxnayLWY7Qyu",
		"bcrypt 2b":   "$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a",
		"htpasswd -m": "$apr1$jbRbRAYu$VVfbfGl2Iquij6wDOfdik/",
		"htpasswd -s": "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
		"htpasswd -d": "hX398at5tKTLE",
		"htpasswd -2": "$5$5i/SJAfUABuwkdQh$m2B82mxxGSFn6CQDoBkzAAFuACVFeNbm3vHCARu3PY8",
		"htpasswd -5": "$6$Oi.9FAlLLtakS8W8$AvMoFQ5nRZ7iAHSiqExsLrYb67bCZnm.H7u3XFa1t6/xNMydfhrmKMJ1VhKHKwYTzXsWrJJhuK3k1ohE5S75V.",
		"md5crypt":    "$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1",
		"yescrypt":    "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$GmcwIgvdUC9qLWcKCi6gklUa1dM3ziD43YxYNURLKy0",
	} {
		if !Match(stored, "secret") {
			t.Errorf("%s: the right password does not match", name)
		}
		for _, wrong := range []string{"", "Secret", "secre", "secret1", stored} {
			if Match(stored, wrong) {
				t.Errorf("%s: %q matches", name, wrong)
			}
		}
		if Match(stored[:len(stored)-1], "secret") {
			t.Errorf("%s: matches a hash cut short", name)
		}
	}
	// What the recipe for SSLOptions +FakeBasicAuth puts into the file.
	if !Match("xxj31ZMTZzkVA", "password") {
		t.Error("the password of FakeBasicAuth does not match")
	}
	for _, stored := range []string{
		"", "secret", "*", "*0", "x", "{SHA}", "{SHA}secret", "$", "$2y$", "$1$$", "$apr1$", "$5$salt", "$6$rounds=1$salt$", "$6$rounds=999$salt$" + strings.Repeat("a", 86),
		"$6$rounds=x$salt$" + strings.Repeat("a", 86), "$y$", "$y$j9T$", "$y$j9T$$", "$7$x", "$2y$99$bMGuU9vmmboFeddzzHqZfeuGMu6KaXGcwNNGcW5xgdxnayLWY7Qyu",
	} {
		if Match(stored, "secret") || Match(stored, "") || Match(stored, stored) {
			t.Errorf("%q matches", stored)
		}
	}
}

// crypt(3) of the machine is the judge, through perl.
func TestAgainstCrypt(t *testing.T) {
	perl, err := exec.LookPath("perl")
	if err != nil {
		t.Skip("perl is not there")
	}
	r := rand.New(rand.NewPCG(1, 2))
	words := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[r.IntN(64)]
		}
		return string(b)
	}
	var in strings.Builder
	var passwords []string
	for i := range 64 {
		salt := words(2)
		switch i % 8 {
		case 0:
			salt = "$5$" + words(1+r.IntN(16)) + "$"
		case 1:
			salt = "$6$rounds=1000$" + words(1+r.IntN(16)) + "$"
		case 2:
			salt = "$1$" + words(1+r.IntN(8)) + "$"
		}
		pw := words(r.IntN(20))
		if i%3 == 0 {
			pw += "ä ß€"
		}
		passwords = append(passwords, pw)
		in.WriteString(salt + "\t" + pw + "\n")
	}
	cmd := exec.Command(perl, "-ne", `chomp; my ($s, $p) = split /\t/, $_, 2; print crypt($p, $s), "\n"`)
	cmd.Stdin = strings.NewReader(in.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for i, hash := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		if !Match(hash, passwords[i]) {
			t.Errorf("%s is not matched by %q", hash, passwords[i])
		}
		if KindOf(hash) != DES && Match(hash, passwords[i]+"x") {
			t.Errorf("%s is matched by a longer password", hash)
		}
	}
}

func FuzzMatch(f *testing.F) {
	for _, s := range []string{"$6$rounds=1000$salt$x", "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$x", "$apr1$a$b", "{SHA}x", "$2y$04$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a", "ab............"} {
		f.Add(s, "secret")
	}
	f.Fuzz(func(t *testing.T, stored, password string) {
		// Costs are whoever writes the file's; here they would be the test's.
		if k := KindOf(stored); k == Bcrypt && stored[4:6] > "06" || k == Yescrypt || strings.Contains(stored, "rounds=") {
			return
		}
		if Match(stored, password) && stored == password {
			t.Errorf("%q matches itself", stored)
		}
	})
}

func BenchmarkDES(b *testing.B) {
	for b.Loop() {
		desCrypt("password", "ab")
	}
}
