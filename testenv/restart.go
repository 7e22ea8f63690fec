package testenv

import (
	"context"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// kill ends the process group without a chance to clean up.
func (p *process) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.exited
}

// again starts what has ended with the same arguments.
func (p *process) again(log string) (*process, error) {
	cmd := exec.Command(p.cmd.Path, p.cmd.Args[1:]...)
	cmd.Env, cmd.Dir = p.cmd.Env, p.cmd.Dir
	return startProcess(cmd, log)
}

// Kill ends slapd as a crash does. The test has to start it again.
func (s *Slapd) Kill() { s.process.kill() }

// Restart starts slapd again where it was, and returns once it answers.
func (s *Slapd) Restart(t testing.TB) {
	t.Helper()
	restart(t, &s.process, filepath.Join(s.Dir, "slapd.log"), func(ctx context.Context) error {
		return s.waitUntilReady(ctx, filepath.Join(s.Dir, "ldapi"))
	})
}

// Kill ends ns-slapd as a crash does. The test has to start it again.
func (s *DS389) Kill() { s.process.kill() }

// Restart starts ns-slapd again where it was, and returns once it answers.
func (s *DS389) Restart(t testing.TB) {
	t.Helper()
	restart(t, &s.process, filepath.Join(s.Dir, "ns-slapd.log"), s.waitUntilReady)
}

func restart(t testing.TB, p **process, log string, ready func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	again, err := (*p).again(log)
	if err == nil {
		*p = again
		err = ready(ctx)
	}
	if err != nil {
		t.Fatalf("testenv: restart: %v", err)
	}
}
