package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A File is a file that is rotated: once it is too large or too old, it gets
// the time as an additional ending, such as audit.log.20261121T040000.000000Z,
// and a new one takes its place.
type File struct {
	Path string

	// MaxSize is the size in octets that no file exceeds, but for one with a
	// single line. 0 means no limit.
	MaxSize int64

	// MaxAge is how long a file is written to from its first line on. 0 means
	// no limit.
	MaxAge time.Duration

	// Keep is how many files are kept besides the current one, of those with
	// such an ending. 0 means all.
	Keep int
}

// fileMode is that of new files: who asked for whom is nobody else's
// business. One that exists keeps its own.
const fileMode = 0o600

// A file is the destination File.
type file struct {
	cfg      File
	interval time.Duration // of syncs; 0: with each write
	log      *slog.Logger

	f     *os.File
	size  int64
	began time.Time // of the first line; zero if there is none
	dirty bool      // not all is on the disk
}

func openFile(cfg File, interval time.Duration, log *slog.Logger) (*file, error) {
	f := &file{cfg: cfg, interval: interval, log: log}
	if err := f.open(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *file) open() error {
	// For reading, too: the first line tells the age.
	opened, err := os.OpenFile(f.cfg.Path, os.O_RDWR|os.O_APPEND|os.O_CREATE, fileMode)
	if err != nil {
		return err
	}
	info, err := opened.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", f.cfg.Path)
	}
	if err != nil {
		return errors.Join(err, opened.Close())
	}
	size := info.Size()
	if size, err = mend(opened, size); err != nil {
		return errors.Join(err, opened.Close())
	}
	if f.f != nil {
		_ = f.f.Sync()
		_ = f.f.Close()
	}
	f.f, f.size, f.began = opened, size, time.Time{}
	if size > 0 {
		f.began = firstTime(opened, info)
	}
	return nil
}

// mend cuts off a last line that was not finished, by a crash in the middle,
// and returns the size.
func mend(f *os.File, size int64) (int64, error) {
	end := size
	for end > 0 {
		var b [4096]byte
		from := max(end-int64(len(b)), 0)
		n, err := f.ReadAt(b[:end-from], from)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if i := strings.LastIndexByte(string(b[:n]), '\n'); i >= 0 {
			end = from + int64(i) + 1
			break
		}
		end = from
	}
	if end == size {
		return size, nil
	}
	return end, f.Truncate(end)
}

// firstTime is when the first line was written, or, if that cannot be told,
// the last change.
func firstTime(f *os.File, info fs.FileInfo) time.Time {
	const prefix = `{"time":"`
	var b [len(prefix) + len(timeFormat)]byte
	if _, err := f.ReadAt(b[:], 0); err == nil && strings.HasPrefix(string(b[:]), prefix) {
		if t, err := time.Parse(timeFormat, string(b[len(prefix):])); err == nil {
			return t
		}
	}
	return info.ModTime()
}

// write writes all lines or none.
func (f *file) write(lines []byte) (n, lost int, err error) {
	for len(lines) > 0 {
		if f.due() {
			f.rotate()
		}
		part := lines
		if room := f.cfg.MaxSize - f.size; f.cfg.MaxSize > 0 && int64(len(part)) > room {
			// As many lines as there is room for; one line in any case.
			end := 0
			if room > 0 {
				end = strings.LastIndexByte(string(part[:room]), '\n') + 1
			}
			if end == 0 && f.size > 0 {
				f.rotate()
				if f.size == 0 {
					continue
				}
				end = len(part) // better too large than not at all
			} else if end == 0 {
				end = strings.IndexByte(string(part), '\n') + 1
			}
			part = part[:end]
		}
		if err := f.append(part); err != nil {
			return n, 0, err
		}
		n += len(part)
		lines = lines[len(part):]
	}
	if f.interval == 0 {
		return n, 0, f.sync()
	}
	return n, 0, nil
}

func (f *file) append(part []byte) error {
	n, err := f.f.Write(part)
	if err != nil {
		if n > 0 {
			// Half a line would spoil the next one, and the rest is written
			// again.
			err = errors.Join(err, f.f.Truncate(f.size))
		}
		return err
	}
	if f.size == 0 {
		f.began = time.Now()
	}
	f.size += int64(n)
	f.dirty = true
	return nil
}

func (f *file) sync() error {
	if !f.dirty {
		return nil
	}
	if err := f.f.Sync(); err != nil {
		return err
	}
	f.dirty = false
	return nil
}

// due reports whether the file is too old.
func (f *file) due() bool {
	return f.cfg.MaxAge > 0 && f.size > 0 && time.Since(f.began) >= f.cfg.MaxAge
}

// rotate puts a new file in the place of the present one. If that fails, the
// present one stays in use.
func (f *file) rotate() {
	err := os.Rename(f.cfg.Path, f.cfg.Path+"."+time.Now().UTC().Format(endingFormat))
	if err == nil || errors.Is(err, fs.ErrNotExist) { // or somebody else has moved it
		err = f.open()
	}
	if err != nil {
		f.log.Error("the audit log is not rotated", "error", err)
		return
	}
	f.prune()
}

const endingFormat = "20060102T150405.000000Z"

// prune removes the files that are too many.
func (f *file) prune() {
	if f.cfg.Keep <= 0 {
		return
	}
	found, err := filepath.Glob(escapeGlob(f.cfg.Path) + ".*")
	if err != nil {
		f.log.Error("old files of the audit log are not removed", "error", err)
		return
	}
	found = slices.DeleteFunc(found, func(name string) bool {
		_, err := time.Parse(endingFormat, name[len(f.cfg.Path)+1:])
		return err != nil
	})
	slices.Sort(found)
	for len(found) > f.cfg.Keep {
		if err := os.Remove(found[0]); err != nil && !errors.Is(err, fs.ErrNotExist) {
			f.log.Error("an old file of the audit log is not removed", "error", err)
		}
		found = found[1:]
	}
}

func escapeGlob(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}

func (f *file) tick() error {
	if f.due() {
		f.rotate()
	}
	return f.sync()
}

func (f *file) reopen() error { return f.open() }

func (f *file) close() error { return errors.Join(f.sync(), f.f.Close()) }
