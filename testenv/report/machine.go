package report

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// A Machine is where and when something is measured. NewMachine looks at the
// beginning, its method String at the end.
type Machine struct {
	begin  time.Time
	before string // load average
}

// NewMachine begins a measurement.
func NewMachine() *Machine { return &Machine{begin: time.Now(), before: loadAverage()} }

// Describe returns a sentence with the day, the machine, the versions of what
// was measured, and the load averages before and after: on a busy machine
// ratios are worth more than rates.
func (m *Machine) Describe(versions ...string) string {
	parts := append([]string{
		m.begin.UTC().Format(time.DateOnly),
		fmt.Sprintf("%d × %s", runtime.NumCPU(), processor()),
		kernel(),
		strings.Replace(runtime.Version(), "go", "Go ", 1),
	}, versions...)
	return fmt.Sprintf("*%s. Load average %s before, %s after; it took %s.*", strings.Join(parts, ", "), m.before, loadAverage(),
		time.Since(m.begin).Round(time.Second))
}

// PackageVersion returns a program with the upstream version of the Debian
// package that it comes from, and the program alone where that cannot be told.
func PackageVersion(program, pkg string) string {
	out, err := exec.Command("dpkg-query", "-W", "-f", "${Version}", pkg).Output()
	if err != nil {
		return program
	}
	return program + " " + upstream(string(out))
}

// upstream takes epoch, repackaging and Debian's revision from a version.
func upstream(version string) string {
	return regexp.MustCompile(`^(\d+:)?(.*?)([+.~](dfsg|ds).*|-[^-]*)?$`).ReplaceAllString(version, "$2")
}

func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err == nil {
		if m := regexp.MustCompile(`(?m)^model name\s*: (.*)$`).FindSubmatch(text); m != nil {
			return strings.Join(strings.Fields(string(m[1])), " ")
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return runtime.GOOS
	}
	return "Linux " + regexp.MustCompile(`^\d+\.\d+`).FindString(string(release))
}

// loadAverage returns the load of the last minute.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if f := strings.Fields(string(text)); err == nil && len(f) > 0 {
		return f[0]
	}
	return "unknown"
}
