package dbm

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// readers are the kinds by the names of Perl's modules that write them with the
// C libraries, and how the file ends that is read. (Files of httxt2dbm are read
// in proxytest's scripts.)
var readers = map[string]struct {
	end  string
	read func(string) (map[string]string, error)
}{"SDBM_File": {".pag", SDBM}, "GDBM_File": {"", GDBM}, "DB_File": {"", Berkeley}}

// script ties a hash to a file, stores the pairs of its input and deletes what
// stands there without a value.
const script = `use Fcntl; my ($kind, $path) = @ARGV; my %h; eval "require $kind; 1" or exit 3;
my @how = $kind eq 'DB_File' ? (O_RDWR|O_CREAT, 0600, $DB_File::DB_HASH) : $kind eq 'GDBM_File' ? (GDBM_File::GDBM_WRCREAT(), 0600) : (O_RDWR|O_CREAT, 0600);
tie %h, $kind, $path, @how or die "$!";
while (<STDIN>) { chomp; my ($k, $v) = split / /; if (defined $v) { $h{$k} = $v } else { delete $h{$k} } }`

// written is the file that a kind's library makes of lines.
func written(t testing.TB, kind, lines string) string {
	out := filepath.Join(t.TempDir(), "out")
	cmd := exec.Command("perl", "-e", script, kind, out)
	cmd.Stdin = strings.NewReader(lines)
	if msg, err := cmd.CombinedOutput(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() == 3 {
		t.Skip("Perl with ", kind, " is not installed")
	} else if err != nil {
		t.Fatalf("%s: %v: %s", kind, err, msg)
	}
	b, err := os.ReadFile(out + readers[kind].end)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestRead reads what the libraries write: no pair and thousands, things longer
// than a page, pairs that were deleted or replaced.
func TestRead(t *testing.T) {
	for kind, r := range readers {
		t.Run(kind, func(t *testing.T) {
			for _, size := range []int{0, 1, 20, 3000} {
				want := map[string]string{}
				var lines strings.Builder
				add := func(k, v string) {
					want[k] = v
					fmt.Fprintln(&lines, k, v)
				}
				for i := range size {
					add(fmt.Sprintf("key%d", i), fmt.Sprintf("%d%s", i, strings.Repeat("x", i*7%60)))
				}
				if size > 0 && kind != "SDBM_File" { // there a pair has at most 1,008 bytes
					add("long", strings.Repeat("0123456789", 2000))
					add(strings.Repeat("key", 2000), strings.Repeat("value", 1000))
				}
				for i := 5; i < size; i += 2 {
					add(fmt.Sprintf("key%d", i-1), "new")
					fmt.Fprintf(&lines, "key%d\n", i)
					delete(want, fmt.Sprintf("key%d", i))
				}
				text := written(t, kind, lines.String())
				got, err := r.read(text)
				if err != nil || !maps.Equal(got, want) {
					t.Errorf("%d lines: %d pairs, want %d, error %v", size, len(got), len(want), err)
				}
				if kind != "SDBM_File" {
					if got, err = Read(text); err != nil || !maps.Equal(got, want) {
						t.Errorf("%d lines, kind not told: %d pairs, want %d, error %v", size, len(got), len(want), err)
					}
				}
			}
		})
	}
}

// TestDamaged cuts files off and overwrites them where something stands: an
// error or a map, but no panic and no endless work.
func TestDamaged(t *testing.T) {
	for kind, r := range readers {
		t.Run(kind, func(t *testing.T) {
			text := written(t, kind, "a 1\nb 2\nlong "+strings.Repeat("x", 900)+"\n")
			for n := 1; n < len(text); n += 37 {
				if got, err := r.read(text[:n]); err == nil && n%sdbmPage != 0 {
					t.Errorf("cut off after %d of %d bytes: %d pairs and no error", n, len(text), len(got))
				}
			}
			b := []byte(text)
			for i := range b {
				if b[i] == 0 && i%16 != 0 {
					continue // most of a file is empty
				}
				for _, bad := range []byte{0, 1, 0x7f, 0xff} {
					old := b[i]
					b[i] = bad
					r.read(string(b))
					b[i] = old
				}
			}
		})
	}
	if _, err := Read("a text map"); err == nil || !strings.Contains(err.Error(), "not a hash of Berkeley DB") {
		t.Errorf("a text: %v", err)
	}
}

// FuzzRead: no input makes a panic, and no pair is longer than the file.
func FuzzRead(f *testing.F) {
	for kind := range readers {
		f.Add(written(f, kind, "a 1\nb 2\nlong "+strings.Repeat("x", 900)+"\n"))
	}
	f.Add(written(f, "DB_File", "long "+strings.Repeat("x", 9000)+"\n"))
	f.Fuzz(func(t *testing.T, text string) {
		for kind, r := range readers {
			pairs, err := r.read(text)
			for k, v := range pairs {
				if err != nil || len(k)+len(v) > 2*len(text) {
					t.Fatalf("%s: error %v, a pair of %d and %d bytes from %d", kind, err, len(k), len(v), len(text))
				}
			}
		}
	})
}
