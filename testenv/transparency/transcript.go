package transparency

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"sync"
)

// A Transcript is what went over one connection between a client and a
// directory.
type Transcript struct {
	Title string // one line
	Flows []Flow
}

// A Flow is what one side said before the other said something.
type Flow struct {
	FromClient bool
	Octets     []byte
}

const (
	fromClient    = "client to directory"
	fromDirectory = "directory to client"
)

// String formats a transcript for a file: a title, and a dump of each flow.
func (tr Transcript) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "# %s\n", tr.Title)
	for i, f := range tr.Flows {
		direction := fromDirectory
		if f.FromClient {
			direction = fromClient
		}
		fmt.Fprintf(&out, ">>> Flow %d (%s)\n%s", i+1, direction, hex.Dump(f.Octets))
	}
	return out.String()
}

// LoadTranscripts reads the files *.txt of a directory. None is an error.
func LoadTranscripts(files fs.FS) ([]Transcript, error) {
	names, err := fs.Glob(files, "*.txt")
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, errors.New("transparency: there are no transcripts")
	}
	var all []Transcript
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		tr, err := ParseTranscript(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, tr)
	}
	return all, nil
}

// ParseTranscript reads what String has formatted. One without flows from
// both sides is an error.
func ParseTranscript(text string) (Transcript, error) {
	var tr Transcript
	sides := [2]bool{}
	for i, line := range strings.Split(text, "\n") {
		wrong := func(what string) (Transcript, error) {
			return Transcript{}, fmt.Errorf("transparency: transcript, line %d: %s", i+1, what)
		}
		switch {
		case line == "":
		case strings.HasPrefix(line, "# "):
			tr.Title = line[2:]
		case strings.HasPrefix(line, ">>> Flow "):
			client := strings.Contains(line, fromClient)
			if !client && !strings.Contains(line, fromDirectory) {
				return wrong("the flow has no direction")
			}
			sides[len(tr.Flows)%2] = true
			if len(tr.Flows) > 0 && tr.Flows[len(tr.Flows)-1].FromClient == client {
				return wrong("the flow goes where the last one went")
			}
			tr.Flows = append(tr.Flows, Flow{FromClient: client})
		default:
			// 00000000  30 0c 02 01 01 60 07 02  01 03 04 00 80 00        |0....`........|
			if len(line) < 60 || len(tr.Flows) == 0 {
				return wrong("neither a flow nor octets")
			}
			octets, err := hex.DecodeString(strings.ReplaceAll(line[10:58], " ", ""))
			if err != nil || len(octets) == 0 {
				return wrong("no octets")
			}
			f := &tr.Flows[len(tr.Flows)-1]
			f.Octets = append(f.Octets, octets...)
		}
	}
	if !sides[0] || !sides[1] {
		return Transcript{}, errors.New("transparency: a transcript needs flows from both sides")
	}
	return tr, nil
}

// A Recorder passes connections on and keeps what goes over them.
type Recorder struct {
	listener net.Listener
	dial     func() (net.Conn, error)
	done     sync.WaitGroup

	mu          sync.Mutex
	transcripts []*Transcript // in the order of the connections
	err         error
}

// NewRecorder returns a recorder before what dial connects to, on a free port
// of 127.0.0.1.
func NewRecorder(dial func() (net.Conn, error)) (*Recorder, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Recorder{listener: l, dial: dial}
	r.done.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			r.done.Go(func() { r.serve(client) })
		}
	})
	return r, nil
}

// Addr returns the address to connect to.
func (r *Recorder) Addr() string { return r.listener.Addr().String() }

func (r *Recorder) serve(client net.Conn) {
	defer client.Close()
	directory, err := r.dial()
	r.mu.Lock()
	tr := new(Transcript)
	r.transcripts = append(r.transcripts, tr)
	r.err = errors.Join(r.err, err)
	r.mu.Unlock()
	if err != nil {
		return
	}
	defer directory.Close()
	var both sync.WaitGroup
	pass := func(from, to net.Conn, fromClient bool) {
		buf := make([]byte, 64<<10)
		for {
			n, err := from.Read(buf)
			r.mu.Lock()
			if n > 0 {
				if last := len(tr.Flows) - 1; last < 0 || tr.Flows[last].FromClient != fromClient {
					tr.Flows = append(tr.Flows, Flow{FromClient: fromClient})
				}
				f := &tr.Flows[len(tr.Flows)-1]
				f.Octets = append(f.Octets, buf[:n]...)
			}
			r.mu.Unlock()
			if _, failed := to.Write(buf[:n]); err != nil || failed != nil {
				// The other direction is to end too.
				_ = to.Close()
				return
			}
		}
	}
	both.Go(func() { pass(client, directory, true) })
	both.Go(func() { pass(directory, client, false) })
	both.Wait()
}

// Close ends recording and returns a transcript for each connection over
// which both sides have said something.
func (r *Recorder) Close() ([]Transcript, error) {
	_ = r.listener.Close()
	r.done.Wait()
	var all []Transcript
	for _, tr := range r.transcripts {
		if len(tr.Flows) > 1 {
			all = append(all, *tr)
		}
	}
	if len(all) == 0 && r.err == nil {
		r.err = io.ErrUnexpectedEOF
	}
	return all, r.err
}
