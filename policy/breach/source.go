package breach

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Source reads the hashes of a Pwned Passwords download: one file of lines
// "40 hexadecimal digits:count", or a directory of files such as 0A1B2.txt
// with the remaining 35 digits a line. Line ends may be CRLF, and a byte
// order mark may begin any line, as the downloader writes one before each
// range.
type Source struct {
	files []string // what is still to be read of a directory
	size  int64    // octets in all, 0 if unknown
	read  int64

	name   string // of what is being read
	prefix string // of its hashes
	file   io.Closer
	lines  *bufio.Reader
	line   int64
	last   [hashSize]byte
	any    bool
}

// OpenSource opens a download: a file, a directory, or "-" for standard
// input.
func OpenSource(path string) (*Source, error) {
	if path == "-" {
		return NewSource(os.Stdin, "standard input", 0), nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		s := NewSource(f, path, info.Size())
		s.file = f
		return s, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	s := &Source{}
	for _, e := range entries {
		if rangeName(e.Name()) == "" || e.IsDir() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		s.size += info.Size()
		s.files = append(s.files, filepath.Join(path, e.Name()))
	}
	if len(s.files) == 0 {
		return nil, fmt.Errorf("%s holds no files such as 0A1B2.txt", path)
	}
	slices.SortFunc(s.files, func(a, b string) int {
		return strings.Compare(rangeName(filepath.Base(a)), rangeName(filepath.Base(b)))
	})
	return s, nil
}

// rangeName returns the prefix that a file of a directory is named after, in
// upper case, or "".
func rangeName(name string) string {
	p, ok := strings.CutSuffix(strings.ToLower(name), ".txt")
	if !ok || len(p) != 5 || strings.Trim(p, "0123456789abcdef") != "" {
		return ""
	}
	return strings.ToUpper(p)
}

// NewSource reads a download in one file. The name is for errors, the size in
// octets for progress and planning; 0 if it is not known.
func NewSource(r io.Reader, name string, size int64) *Source {
	return &Source{size: size, name: name, lines: bufio.NewReaderSize(r, 1<<20)}
}

// Close closes the file being read.
func (s *Source) Close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

// lineSize is about how many octets stand for a hash.
const lineSize = 43

// estimate guesses the number of hashes from the size.
func (s *Source) estimate() uint64 {
	if s.size == 0 {
		return 1 << 30
	}
	return uint64(s.size)/lineSize + 1
}

// next reads one hash. It returns io.EOF after the last.
func (s *Source) next(hash *[hashSize]byte) error {
	for {
		if s.lines == nil {
			if err := s.open(); err != nil {
				return err
			}
		}
		line, err := s.lines.ReadSlice('\n')
		s.read += int64(len(line))
		if errors.Is(err, io.EOF) && len(line) == 0 {
			if len(s.files) == 0 {
				return io.EOF
			}
			s.lines = nil
			if err := s.Close(); err != nil {
				return err
			}
			continue
		}
		s.line++
		if err != nil && !errors.Is(err, io.EOF) {
			if errors.Is(err, bufio.ErrBufferFull) {
				return s.fault("it is longer than any hash")
			}
			return fmt.Errorf("read %s: %w", s.name, err)
		}
		line = trim(line)
		if len(line) == 0 {
			continue
		}
		return s.parse(line, hash)
	}
}

func (s *Source) open() error {
	if len(s.files) == 0 {
		return io.EOF
	}
	name := s.files[0]
	s.files = s.files[1:]
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	s.name, s.file, s.line, s.prefix = name, f, 0, rangeName(filepath.Base(name))
	s.lines = bufio.NewReaderSize(f, 1<<16)
	return nil
}

// trim drops line ends, spaces and byte order marks.
func trim(line []byte) []byte {
	for {
		rest, ok := bytes.CutPrefix(line, []byte("\xef\xbb\xbf"))
		if !ok {
			return bytes.TrimSpace(line)
		}
		line = rest
	}
}

// fault says what is wrong with a line, without showing it: it may be
// somebody's password.
func (s *Source) fault(format string, args ...any) error {
	return fmt.Errorf("%s, line %d: %s", s.name, s.line, fmt.Sprintf(format, args...))
}

func (s *Source) parse(line []byte, hash *[hashSize]byte) error {
	digits, _, counted := bytes.Cut(line, []byte(":"))
	const all = 2 * hashSize
	switch want := all - len(s.prefix); {
	case len(digits) == 32 && s.prefix == "", len(digits) == 32-len(s.prefix) && s.prefix != "":
		return s.fault("it is an NTLM hash; download the list of SHA-1 hashes")
	case len(digits) != want:
		return s.fault("a hash has %d hexadecimal digits here, this has %d", want, len(digits))
	case !counted:
		return s.fault("no count follows the hash")
	}
	var text [all]byte
	copy(text[copy(text[:], s.prefix):], digits)
	if _, err := hex.Decode(hash[:], text[:]); err != nil {
		return s.fault("the hash is not hexadecimal")
	}
	if s.any && bytes.Compare(hash[:], s.last[:]) <= 0 {
		return s.fault("the hash is not greater than the one before: sort the download by hash")
	}
	s.last, s.any = *hash, true
	return nil
}
