//go:build linux

package proc

import (
	"os"
	"slices"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const tail = " S 12 34 34 0 -1 4194560 1 2 3 4 150 50 7 3 20 0 1 0 100 5 6"
	tests := []struct {
		name, text string
		want       stat
		fails      bool
	}{
		{name: "plain", text: "77 (nginx)" + tail, want: stat{77, 12, 34, 2 * time.Second, 100 * time.Millisecond}},
		{name: "a command with spaces and parentheses", text: "77 (a) b (c) )" + tail, want: stat{77, 12, 34, 2 * time.Second, 100 * time.Millisecond}},
		{name: "cut short", text: "77 (nginx) S 12 34", fails: true},
		{name: "no command", text: "77 nginx S", fails: true},
		{name: "no number", text: "x (nginx)" + tail, fails: true},
		{name: "empty", text: "", fails: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := parseStat([]byte(test.text))
			if (err != nil) != test.fails {
				t.Fatalf("error %v", err)
			}
			if err == nil && got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestParseBusy(t *testing.T) {
	got, err := parseBusy([]byte("cpu  100 20 30 9000 800 4 5 6 70 80\ncpu0 1 2 3\n"))
	if want := (100 + 20 + 30 + 4 + 5 + 6) * clockTick; err != nil || got != want {
		t.Errorf("got %v, %v, want %v: idle, waiting and guest time are not busy", got, err, want)
	}
	for _, text := range []string{"", "cpu 1 2 3\n", "intr 1 2 3 4 5 6 7 8\n", "cpu 1 2 3 4 5 x 7 8\n"} {
		if _, err := parseBusy([]byte(text)); err == nil {
			t.Errorf("%q is read", text)
		}
	}
}

func TestStatusKB(t *testing.T) {
	const text = "Name:\tx\nVmHWM:\t    5124 kB\nVmRSS:\t    4096 kB\nVmData:\n"
	if kb, ok := StatusKB([]byte(text), "VmRSS"); !ok || kb != 4096 {
		t.Errorf("VmRSS is %d, %v", kb, ok)
	}
	for _, name := range []string{"VmSwap", "VmData", "VmR"} {
		if _, ok := StatusKB([]byte(text), name); ok {
			t.Errorf("%s is found", name)
		}
	}
}

// The process's own entry is read as any other's.
func TestOwnProcess(t *testing.T) {
	tree := Tree(os.Getpid())
	if !slices.Contains(tree, os.Getpid()) {
		t.Fatalf("the tree %v lacks its root", tree)
	}
	if TreeMemory(os.Getpid(), "VmRSS") < 1<<20 {
		t.Error("less than a megabyte resident")
	}
	if TreeFiles(os.Getpid()) < 3 || TreeThreads(os.Getpid()) < 1 {
		t.Error("no open files or threads")
	}
	before := TreeCPU(os.Getpid())
	for end := time.Now().Add(60 * time.Millisecond); time.Now().Before(end); {
	}
	if TreeCPU(os.Getpid()) <= before {
		t.Error("no time passed while this test was busy")
	}
}
