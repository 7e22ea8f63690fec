package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCoreDumps crashes the program, and asks the kernel whether it wrote
// its memory to a file. With coreDumps it does, or nothing would be proved.
func TestCoreDumps(t *testing.T) {
	for _, allowed := range []bool{false, true} {
		t.Run(fmt.Sprint(allowed), func(t *testing.T) {
			var before unix.Rlimit
			if err := unix.Getrlimit(unix.RLIMIT_CORE, &before); err != nil {
				t.Fatal(err)
			}
			// What the program inherits.
			if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: before.Max, Max: before.Max}); err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := unix.Setrlimit(unix.RLIMIT_CORE, &before); err != nil {
					t.Error(err)
				}
			}()
			r := startRun(t, fmt.Sprintf("coreDumps: %v\n", allowed), "GOTRACEBACK=crash")
			limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", r.cmd.Process.Pid))
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(limits)) {
				if f := strings.Fields(line); len(f) > 4 && f[1] == "core" && (f[4] == "0" && f[5] == "0") == allowed && before.Max > 0 {
					t.Errorf("%s", line)
				}
			}
			r.end(syscall.SIGABRT)
			status, ok := r.cmd.ProcessState.Sys().(syscall.WaitStatus)
			if !ok || !status.Signaled() {
				t.Fatalf("ended with %v", r.cmd.ProcessState)
			}
			if status.CoreDump() != (allowed && before.Max > 0) {
				t.Errorf("memory was written: %v", status.CoreDump())
			}
			found, err := filepath.Glob(filepath.Join(r.dir, "core*"))
			if err != nil || len(found) > 0 && !allowed {
				t.Errorf("%q, %v", found, err)
			}
		})
	}
}
