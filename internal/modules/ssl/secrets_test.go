package ssl

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"strings"
	"testing"

	"sallyport/internal/module"
)

// locked is a key under a pass phrase.
func locked(t *testing.T, c *issued, phrase string) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		t.Fatal(err)
	}
	//lint:ignore SA1019 old keys have it
	b, err := x509.EncryptPEMBlock(nopReader{}, "PRIVATE KEY", der, []byte(phrase), x509.PEMCipherAES256)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(b)
}

type nopReader struct{}

func (nopReader) Read(p []byte) (int, error) { return len(p), nil }

// A program behind "|" is asked again for a key that its answer does not open,
// once for all keys of one pass phrase, and never for those of a reload.
func TestPipedDialog(t *testing.T) {
	dir := t.TempDir()
	one, two := issue(t, "one", nil, nil), issue(t, "two", nil, nil)
	program := dir + "/ask"
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho $$ $1 >> "+dir+"/runs\nfor p in no open other; do echo $p; done\ncat > "+dir+"/asked\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	known := new(module.Secrets)
	s := &secrets{dialog: "|" + program + " word", known: known}
	for i, key := range [][]byte{locked(t, one, "open"), locked(t, two, "open"), locked(t, two, "other")} {
		if _, err := s.open(key, "a.test:443", "/k"+string(rune('0'+i)), i); err != nil {
			t.Fatalf("key %d: %v", i, err)
		}
	}
	s.close()
	asked, _ := os.ReadFile(dir + "/asked")
	if n := strings.Count(string(asked), "Enter pass phrase:"); n != 3 || !strings.Contains(string(asked), "Private key a.test:443:0 (/k0)") || !strings.Contains(string(asked), "not the pass phrase") {
		t.Errorf("asked %d times:\n%s", n, asked)
	}
	runs, _ := os.ReadFile(dir + "/runs")
	if strings.Count(string(runs), "\n") != 1 || !strings.Contains(string(runs), " word\n") {
		t.Errorf("runs: %q", runs)
	}
	again := &secrets{known: known}
	if _, err := again.open(locked(t, one, "other"), "a.test:443", "/k", 0); err != nil {
		t.Errorf("after a reload: %v", err)
	}
	if err := os.WriteFile(program, []byte("#!/bin/sh\necho no\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.open(locked(t, one, "fourth"), "a.test:443", "/k", 0); err == nil || !strings.Contains(err.Error(), "ended without a pass phrase") {
		t.Errorf("a program that knows no more: %v", err)
	}
}
