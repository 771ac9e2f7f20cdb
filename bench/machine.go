//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"sallyport/bench/internal/proc"
)

// machineLines describe the machine without naming it.
func machineLines() []string {
	model := "unknown CPU"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range bytes.Lines(b) {
			if name, value, ok := bytes.Cut(line, []byte(":")); ok && string(bytes.TrimSpace(name)) == "model name" {
				model = string(bytes.TrimSpace(value))
				break
			}
		}
	}
	var memory int64
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		memory, _ = proc.StatusKB(b, "MemTotal")
	}
	kernel := "unknown"
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		kernel = strings.TrimSpace(string(b))
	}
	return []string{
		fmt.Sprintf("Machine: %d cores, %s, %d GB, Linux %s, loopback; client, peer and backend share the cores", runtime.NumCPU(), model, (memory+512*kib)/mib, kernel),
		"Day: " + time.Now().UTC().Format("2006-01-02"),
	}
}

// install gets what is missing from Debian, when that is possible: as root,
// and with apt. Otherwise it says what to install.
func install(missing []string, root bool) error {
	command := append([]string{"apt-get", "install", "-y", "--no-install-recommends"}, missing...)
	if _, err := exec.LookPath("apt-get"); err != nil || !root {
		return fmt.Errorf("missing: %s (as root: %s)", strings.Join(missing, " "), strings.Join(command, " "))
	}
	fmt.Fprintf(os.Stderr, "bench: installing %s\n", strings.Join(missing, " "))
	// Debian starts what it installs; policy-rc.d of a container forbids it,
	// elsewhere a peer that is already there only keeps its own port busy.
	for _, argv := range [][]string{{"apt-get", "update", "-q"}, command} {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", strings.Join(argv, " "), err, oneLine(string(out)))
		}
	}
	return nil
}

// missingPackages are the Debian packages whose binary is not there, among
// those the chosen peers and the race itself need.
func missingPackages(peerList string) []string {
	var missing []string
	if _, err := exec.LookPath("wrk"); err != nil {
		missing = append(missing, "wrk")
	}
	for _, k := range kinds() {
		if k.Package == "" || k.Extra || k.Name != "nginx" && peerList != "" && !strings.Contains(","+peerList, k.Name) {
			continue
		}
		if _, err := k.find(""); err != nil && os.Getenv(k.Env) == "" {
			missing = append(missing, k.Package)
		}
	}
	return missing
}
